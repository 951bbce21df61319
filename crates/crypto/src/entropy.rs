//! Randomness, hedged: a guessable generator alone gives nothing away.

use crate::enc::{Enc, kdf};
use crate::{Entropy, Secret};

/// Mixes an outer source with a key only this device has (`docs/protocol.md` §3).
///
/// Every draw is `KDF(hedge, outer bytes, "SF1/hedged", counter)`: as strong as the better of the
/// two, and never equal to an earlier draw even when the outer source repeats itself.
pub struct Hedged<E> {
    outer: E,
    hedge: Secret<32>,
    draws: u64,
}

impl<E: Entropy> Hedged<E> {
    /// Wraps `outer` with `hedge`, from [`Identity::hedge`](crate::Identity::hedge).
    pub fn new(outer: E, hedge: Secret<32>) -> Self {
        Self { outer, hedge, draws: 0 }
    }
}

impl<E: Entropy> Entropy for Hedged<E> {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(64) {
            let outer = Secret::<64>::from_fn(|bytes| self.outer.fill(bytes));
            let info = Enc::new("SF1/hedged").uint(self.draws);
            let drawn = kdf::<64>(self.hedge.expose(), outer.expose(), info);
            self.draws += 1;
            chunk.copy_from_slice(&drawn.expose()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stuck;
    impl Entropy for Stuck {
        fn fill(&mut self, out: &mut [u8]) {
            out.fill(7);
        }
    }

    #[test]
    fn a_stuck_generator_still_gives_fresh_bytes_per_device() {
        let mut a = Hedged::new(Stuck, Secret::from_fn(|b| b.fill(1)));
        let mut b = Hedged::new(Stuck, Secret::from_fn(|b| b.fill(2)));
        let draw = |h: &mut Hedged<Stuck>| {
            let mut out = [0u8; 100];
            h.fill(&mut out);
            out
        };
        let (a1, a2, b1) = (draw(&mut a), draw(&mut a), draw(&mut b));
        assert_ne!(a1, a2);
        assert_ne!(a1, b1);
    }
}
