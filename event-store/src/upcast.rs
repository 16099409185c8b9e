//! STUB. Upcasters.
