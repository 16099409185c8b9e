//! Checks and explains the log at its own pace.
