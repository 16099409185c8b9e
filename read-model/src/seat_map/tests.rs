//! Tests of the seat map.
