//! The External Term Format.
