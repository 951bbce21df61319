//! Secrets, identities, prekeys, key wraps, the epoch key schedule and the codes people compare.
