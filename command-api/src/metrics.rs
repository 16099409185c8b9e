//! What the command API measures.
