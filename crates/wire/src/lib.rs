//! Messages, ids, limits and their one deterministic CBOR encoding.
