//! The example does what it says.

#[path = "../../examples/buy_a_ticket.rs"]
#[expect(dead_code, reason = "its main is for those who run it by itself")]
mod buy_a_ticket;

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_bought() {
    let ticket = buy_a_ticket::buy_a_ticket().await.unwrap();
    assert_eq!(ticket["status"], "confirmed");
    assert_eq!(ticket["seats"].as_array().unwrap().len(), 1);
}
