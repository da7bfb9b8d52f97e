//! The term codec against golden files, against a real BEAM, and against hostile bytes.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod golden;
mod hostile;
mod properties;

mod allocations;
mod beam;
