//! A seeded source for this crate's unit tests.

use crate::{
    Entropy,
    enc::{Enc, kdf},
};

pub(crate) struct Seeded(u64, u64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed, 0)
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(64) {
            self.1 += 1;
            let block = kdf::<64>(b"", &self.0.to_be_bytes(), Enc::new("test").uint(self.1));
            chunk.copy_from_slice(&block.expose()[..chunk.len()]);
        }
    }
}
