//! Each check is shown to fire.
