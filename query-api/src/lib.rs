//! 6 ANSWER: HTTP reads only.
