//! Opus, jitter buffer, concealment, mixer, levels and processing: sound without devices.
