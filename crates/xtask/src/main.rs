//! Developer commands: setup, demo, test, tidy.
fn main() {}
