//! Changing inputs, the same way every time.

use std::path::PathBuf;

pub(crate) struct Mutator(u64);

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// splitmix64 (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    /// A seed with one to eight changes.
    pub(crate) fn changed(&mut self, seed: &[u8], others: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(8) {
            self.change(&mut bytes, others);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, others: &[(PathBuf, Vec<u8>)]) {
        let at = self.below(bytes.len());
        match self.below(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            1 if !bytes.is_empty() => bytes[at] = self.next() as u8,
            2 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
            3 => bytes.truncate(at),
            4 => bytes.insert(at, self.next() as u8),
            5 if !bytes.is_empty() => drop(bytes.remove(at)),
            _ => {
                let other = &others[self.below(others.len())].1;
                let (from, len) = (self.below(other.len()), self.below(64));
                let piece = other.iter().skip(from).take(len).copied();
                bytes.splice(at..at, piece);
            }
        }
    }
}
