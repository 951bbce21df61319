//! Chance from a seed: SplitMix64 (Steele, Lea and Flood 2014), for attackers and, as [`Entropy`],
//! for the engines. Fast and repeatable, and nothing else.

use standfast_crypto::Entropy;

/// The distance between two states, from the paper.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Repeatable chance.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// From a seed. Seeds that are close give streams that are not.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed ^ 0x5f_5354_414e_4446);
        dice.word();
        dice
    }

    /// Another stream, that this one determines.
    pub fn split(&mut self) -> Self {
        Self(self.word())
    }

    /// 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to but not including `n`; 0 for an `n` of 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.word() % n.max(1) as u64) as usize
    }

    /// From `from` up to and including `to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.word() % (to.saturating_sub(from) + 1)
    }

    /// In so many of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.word() % 100 < percent
    }

    /// One of `some`; `None` of nothing.
    pub fn pick<T: Clone>(&mut self, some: &[T]) -> Option<T> {
        some.get(self.below(some.len())).cloned()
    }

    /// Some of `all`, in their order.
    pub fn some<T: Clone>(&mut self, all: &[T]) -> Vec<T> {
        all.iter().filter(|_| self.chance(50)).cloned().collect()
    }

    /// In another order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

impl Entropy for Dice {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let word = self.word().to_be_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}
