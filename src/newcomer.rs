//! What a newcomer is shown: where the server is, and three lines to paste.

use crate::app::App;

/// The text that `serve` prints once it serves.
pub(crate) fn banner(app: &App) -> String {
    format!("Frontrow serves {}", app.url())
}
