//! Tests that are longer than what they test, or go through several files of it.

mod merkle;
mod properties;
