//! The standfast command: a headless participant on the same engine.
fn main() {}
