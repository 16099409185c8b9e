//! Asking a process how it is, without an HTTP client.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The status of the answer to a GET.
///
/// # Errors
/// Why there is none.
pub(super) async fn status(address: &str, path: &str) -> Result<u16, String> {
    let answer = answer(address, path).await?;
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.ok_or_else(|| format!("no HTTP answer: {answer}"))
}

/// The value of a metric without labels, as a process shows it now.
///
/// # Errors
/// Why there is none.
pub(super) async fn metric(address: &str, name: &str) -> Result<f64, String> {
    let answer = answer(address, "/metrics").await?;
    let value = answer
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.ok_or_else(|| format!("{address} shows no {name}"))
}

/// The whole answer to a GET.
async fn answer(address: &str, path: &str) -> Result<String, String> {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = timeout(PATIENCE, ask).await;
    let answer = answer
        .map_err(|_| format!("no answer within {PATIENCE:?}"))?
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
