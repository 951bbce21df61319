//! Reading a fuzzer's bytes as a sequence of decisions.

/// A fuzzer's input, read from the front. Past its end there are zeros, so that cutting an input
/// never changes what its beginning means, and two inputs one after the other mean the first and
/// then the second.
#[derive(Debug)]
pub struct Tape<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tape<'a> {
    /// At its start.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Whether only zeros are left.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Everything that was read, the zeros past the end included.
    #[must_use]
    pub fn read_so_far(&self) -> Vec<u8> {
        let mut read = self.bytes[..self.at.min(self.bytes.len())].to_vec();
        read.resize(self.at, 0);
        read
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    /// `N` bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// Big-endian.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// Big-endian.
    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    /// Big-endian.
    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// A length of two bytes, taken modulo `max + 1`, and so many bytes.
    pub fn blob(&mut self, max: usize) -> Vec<u8> {
        let len = usize::from(self.u16()) % (max + 1);
        (0..len).map(|_| self.byte()).collect()
    }

    /// A number below `count`, which is at least 1.
    pub fn below(&mut self, count: usize) -> usize {
        let drawn = if count <= 256 { usize::from(self.byte()) } else { usize::from(self.u16()) };
        drawn % count.max(1)
    }

    /// One of several.
    pub fn pick<'x, T>(&mut self, of: &'x [T]) -> Option<&'x T> {
        if of.is_empty() { None } else { of.get(self.below(of.len())) }
    }

    /// True for `of_256` of the 256 values of a byte; never for zero.
    pub fn chance(&mut self, of_256: u8) -> bool {
        self.byte() > 255 - of_256
    }
}
