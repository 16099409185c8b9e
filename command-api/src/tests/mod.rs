//! The command API as its clients see it, over a real log.

mod accounts;
mod beacons;
mod cancellation;
mod catalogue;
mod crashes;
mod documents;
mod drops;
mod erasure;
mod expiry;
mod faults;
mod faulty_log;
mod fixtures;
mod harness;
mod manager_crashes;
mod notifications;
mod payment_provider;
mod payments;
mod races;
mod refusals;
mod reservations;
mod storm;
mod unused_secrets;
mod waiting_room;
