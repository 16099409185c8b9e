//! `frontrow healthcheck`: asks a server whether it is ready, for supervisors without an HTTP client of their own.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use anyhow::bail;
use tokio::time::timeout;

use super::runtime;
use crate::{
    cli::Healthcheck,
    config::Settings,
    driver::{Call, Connections, address},
};

/// A server that takes longer is not ready.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn run(settings: &Settings, arguments: &Healthcheck) -> anyhow::Result<ExitCode> {
    let addr = match &arguments.url {
        Some(url) => address(url)?,
        None => reachable(settings.server.listen),
    };
    let check = Connections::new(addr, 1);
    let call = check.send(Call::get("/readyz"));
    let answer = runtime()?.block_on(async { timeout(TIMEOUT, call).await });
    match answer {
        Ok(Ok(reply)) if reply.status.is_success() => Ok(ExitCode::SUCCESS),
        Ok(Ok(reply)) => bail!(
            "{addr} is not ready: GET /readyz answered {}: {}",
            reply.status,
            String::from_utf8_lossy(&reply.body)
        ),
        Ok(Err(failure)) => bail!("{addr} does not answer: {failure}"),
        Err(_) => bail!("{addr} did not answer within {TIMEOUT:?}"),
    }
}

/// A server that listens everywhere is asked on the loopback interface.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_the_loopback_interface() {
        let expected: SocketAddr = ([127, 0, 0, 1], 81).into();
        assert_eq!(reachable(([0, 0, 0, 0], 81).into()), expected);
    }
}
