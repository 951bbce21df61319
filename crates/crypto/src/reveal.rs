//! Tells a harness which secrets are born, so that it can look for them in a memory dump.
//!
//! Exists only with the feature `expose-secrets-to-tests`, which no product is built with.

use std::sync::OnceLock;

/// Is told a label (for derived secrets that of their derivation, for others the source file) and
/// the bytes. Must not keep a copy in this process.
pub type Sink = fn(label: &str, bytes: &[u8]);

static SINK: OnceLock<Sink> = OnceLock::new();

/// Tells `sink` from here on. The first call counts.
pub fn tell(sink: Sink) {
    let _ = SINK.set(sink);
}

/// A secret was born, or passes through.
pub fn born(label: &str, bytes: &[u8]) {
    if let Some(sink) = SINK.get() {
        sink(label, bytes);
    }
}

/// The label that `enc(label, …)` starts with: a short array, then a short text (RFC 8949 §3).
pub(crate) fn label_of(info: &[u8]) -> &str {
    let len = info.get(1).map_or(0, |head| usize::from(head & 0x1f));
    info.get(2..2 + len).and_then(|text| str::from_utf8(text).ok()).unwrap_or("")
}
