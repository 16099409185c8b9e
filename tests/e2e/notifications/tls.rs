//! Over TLS: webhooks by HTTPS, mail by STARTTLS, to servers whose certificates an authority of the test's own vouches for.

use std::time::{Duration, Instant};

use serde_json::json;
use servers::{Authority, Smtp};

use super::{
    crashes::{World, states},
    receiver::Receiver,
};
use crate::{harness::assert_clean, operation::Served};

/// How long a delivery may take: one pause between two tries is among it.
const PATIENCE: Duration = Duration::from_secs(40);

/// Waits until the ledger says so.
async fn until(world: &World, served: &Served, holds: impl Fn(&str) -> bool) {
    let end = Instant::now() + PATIENCE;
    loop {
        let states = states(&world.data.0);
        if holds(&states) {
            return;
        }
        assert!(Instant::now() < end, "{states}");
        // Gives the time of one call to whoever sends.
        let url = format!("{}/livez", served.base);
        world.client.get(url).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_goes_to_servers_that_can_prove_who_they_are() {
    let test = "notifications over TLS";
    let Some(authority) = Authority::new(test) else {
        return;
    };
    let Some(smtp) = Smtp::start_tls(test, &authority).await else {
        return;
    };
    let receiver = Receiver::start_tls(&authority).await;
    let settings = format!(
        "[notifications]\nwebhook_networks = [\"127.0.0.1\"]\n\
         [notifications.smtp]\nfrom = \"noreply@tickets.example\"\nurl = \"{}\"\n",
        smtp.url()
    );
    let world = World::new(&settings);
    // Nobody has told it to trust the authority: the connections end before anything is sent.
    let served = world.serve_in(&[], &[]);
    let (show, customer) = world.prepare(&served).await;
    let wanted = json!({"url": receiver.url(), "events": ["reservation.cancelled"]});
    world
        .post(&served, "/v1/webhooks", &world.organizer, wanted)
        .await;
    world.hold_and_cancel(&served, &show, &customer).await;
    let tried = |states: &str| states.matches("pending:").count() == 2 && !states.contains(":0");
    until(&world, &served, tried).await;
    served.stop();
    assert!(receiver.calls().is_empty() && smtp.mails().is_empty());

    let trusted = authority.certificate();
    let served = world.serve_in(&[], &[("SSL_CERT_FILE", &trusted)]);
    until(&world, &served, |states| {
        states.matches("sent:").count() == 2
    })
    .await;
    served.stop();
    assert_eq!((receiver.calls().len(), smtp.mails().len()), (1, 1));
    assert_clean(&world.data);
}
