//! One show's requests meet at one backend.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on fails where it stands"
)]

use servers::Haproxy;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Answers every request with its own name.
async fn backend(listener: TcpListener, name: &'static str) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
            let answer =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\n{name}");
            stream.write_all(answer.as_bytes()).await.ok();
        }
    }
}

async fn ask(address: &str, show: u32) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET / HTTP/1.1\r\nhost: x\r\nshow-id: {show}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.chars().last().unwrap().to_string()
}

#[tokio::test]
async fn one_shows_requests_meet_at_one_backend() {
    let listeners = [
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    ];
    let addresses = listeners
        .each_ref()
        .map(|listener| listener.local_addr().unwrap().to_string());
    let [first, second] = listeners;
    let asked = async {
        let proxy = Haproxy::start("one show's requests meet at one backend", &addresses).await?;
        assert!(proxy.version().starts_with("HAProxy "));
        proxy.until_all_serve().await;
        let address = proxy.url().replace("http://", "");
        let mut met = std::collections::BTreeSet::new();
        for show in 0..32 {
            let name = ask(&address, show).await;
            for _ in 0..3 {
                assert_eq!(ask(&address, show).await, name, "show {show}");
            }
            met.insert(name);
        }
        assert_eq!(met.len(), 2, "{met:?}");
        Some(())
    };
    tokio::select! {
        () = backend(first, "a") => {}
        () = backend(second, "b") => {}
        _ = asked => {}
    }
}
