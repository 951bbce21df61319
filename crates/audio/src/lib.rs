//! Sound devices: cpal streams, lock-free rings, device choice.
