//! SFrame sealing and opening: key ids, ratchet, replay window, padding.
