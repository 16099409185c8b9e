//! A server that is killed comes back on its port, as another process.

use servers::Redis;

#[tokio::test]
async fn a_killed_server_starts_again() {
    let test = "a killed Redis starts again";
    let Some(server) = Redis::start(test, false).await else {
        return;
    };
    let before = server.describe();
    let address = server.url().replace("redis://", "");
    std::net::TcpStream::connect(&address).unwrap();
    server.kill();
    assert!(std::net::TcpStream::connect(&address).is_err());
    server.start_again().await;
    assert_ne!(server.describe(), before);
    std::net::TcpStream::connect(&address).unwrap();
}
