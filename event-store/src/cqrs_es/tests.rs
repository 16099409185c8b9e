//! A plain cqrs-es application runs on the log.
