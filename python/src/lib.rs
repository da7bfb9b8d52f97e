//! The worker's extension module.
