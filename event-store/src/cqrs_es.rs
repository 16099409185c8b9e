//! STUB. cqrs-es over the log.
