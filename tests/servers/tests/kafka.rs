//! A broker keeps its data and its address over a restart, and answers as the one that was started.

use servers::Kafka;

#[tokio::test]
async fn a_broker_comes_back_where_it_was() {
    let Some(mut kafka) = Kafka::start("a broker comes back where it was").await else {
        return;
    };
    let before = (kafka.brokers(), kafka.pid());
    let started = std::time::Instant::now();
    kafka.restart().await;
    eprintln!("restart: {:?} {}", started.elapsed(), kafka.describe());
    assert_eq!(kafka.brokers(), before.0);
    assert_ne!(kafka.pid(), before.1);
    assert!(kafka.version().starts_with('4'));
}
