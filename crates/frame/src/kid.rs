//! Key ids and counters: which key a frame names, and where in its ratchet it stands.

/// The first counter of every sender. Starting here keeps the counter at three bytes for its
/// whole life, so that every frame of a profile has one length.
pub const FIRST_CTR: u32 = 1 << 16;

/// The first counter that no frame may carry: there the encoding would grow a byte. The sealer
/// refuses and the meeting draws a new epoch. At 50 frames a second that is 92 hours away.
pub const CTR_LIMIT: u32 = 1 << 24;

/// Frames sealed under one ratchet step: 1.28 s of speech at 50 frames a second.
pub const FRAMES_PER_STEP: u32 = 64;

/// Members' numbers are 10 bits of the key id.
pub const IDX_LIMIT: u16 = 1 << 10;

/// The RFC 9605 §5.1 `R`: the low bits of the key id that name the ratchet step.
const STEP_BITS: u32 = 10;
const EPOCH_BITS: u32 = 8;
const IDX_BITS: u32 = 10;
const STEP_MASK: u32 = (1 << STEP_BITS) - 1;
const IDX_MASK: u32 = (1 << IDX_BITS) - 1;

/// Set in every key id, so that its shortest encoding is always four bytes.
const TOP_BIT: u32 = 1 << 31;

/// The ratchet step of a counter; `None` outside `FIRST_CTR..CTR_LIMIT`.
pub(crate) fn step_of(ctr: u32) -> Option<u32> {
    (FIRST_CTR..CTR_LIMIT).contains(&ctr).then(|| (ctr - FIRST_CTR) / FRAMES_PER_STEP)
}

/// What a sender's frames are for. Each stream has its own keys, counter and replay window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stream {
    /// Speech.
    Audio = 0,
    /// Chat, notes and the speaking order.
    Data = 1,
    /// Signed lists of the sender's last ciphertexts.
    Checkpoint = 2,
    /// Signs of life with reception statistics.
    Ping = 3,
}

impl Stream {
    /// Every stream, in the order of its number.
    pub const ALL: [Self; 4] = [Self::Audio, Self::Data, Self::Checkpoint, Self::Ping];

    fn from_bits(bits: u32) -> Option<Self> {
        Self::ALL.get(bits as usize).copied()
    }
}

/// A key id: `1:1 | stream:3 | idx:10 | epoch mod 256:8 | step mod 1024:10`.
///
/// The top bit makes it four bytes long on the wire in every case. The step repeats what the
/// counter already says; [`ParsedFrame`](crate::ParsedFrame) refuses a frame in which they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kid(u32);

impl Kid {
    /// The key id of a sender at a ratchet step; `None` if `idx` is not below [`IDX_LIMIT`].
    /// Epoch and step are reduced modulo 256 and 1024.
    pub fn new(stream: Stream, idx: u16, epoch: u64, step: u32) -> Option<Self> {
        let epoch = u32::from(epoch.to_be_bytes()[7]);
        let bits = TOP_BIT
            | (stream as u32) << (STEP_BITS + EPOCH_BITS + IDX_BITS)
            | u32::from(idx) << (STEP_BITS + EPOCH_BITS)
            | epoch << STEP_BITS
            | step & STEP_MASK;
        (idx < IDX_LIMIT).then_some(Self(bits))
    }

    /// Reads a key id; `None` without the top bit or with a stream that does not exist.
    pub fn from_bits(bits: u32) -> Option<Self> {
        let stream = (bits & !TOP_BIT) >> (STEP_BITS + EPOCH_BITS + IDX_BITS);
        (bits & TOP_BIT != 0 && Stream::from_bits(stream).is_some()).then_some(Self(bits))
    }

    /// The 32 bits as they travel.
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// The stream.
    pub fn stream(self) -> Stream {
        let bits = (self.0 & !TOP_BIT) >> (STEP_BITS + EPOCH_BITS + IDX_BITS);
        // Both constructors admit existing streams only; the fallback is never taken.
        Stream::from_bits(bits).unwrap_or(Stream::Ping)
    }

    /// The sender's number on the roster.
    pub fn idx(self) -> u16 {
        ((self.0 >> (STEP_BITS + EPOCH_BITS)) & IDX_MASK) as u16
    }

    /// The epoch modulo 256.
    pub fn epoch_mod_256(self) -> u8 {
        (self.0 >> STEP_BITS).to_be_bytes()[3]
    }

    /// The ratchet step modulo 1024.
    pub fn step_mod_1024(self) -> u16 {
        (self.0 & STEP_MASK) as u16
    }

    /// The same sender at another step.
    pub(crate) fn at_step(self, step: u32) -> Self {
        Self(self.0 & !STEP_MASK | step & STEP_MASK)
    }

    /// Whether both name the same sender, stream and epoch, whatever the step.
    pub(crate) fn same_sender(self, other: Self) -> bool {
        self.0 & !STEP_MASK == other.0 & !STEP_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn layout_is_frozen() {
        let kid = Kid::new(Stream::Ping, 0x155, 0x1_0000_00a5, 0x40f).unwrap();
        // 1 | 011 | 0101010101 | 10100101 | 0000001111
        assert_eq!(kid.to_bits(), 0b1011_0101_0101_0110_1001_0100_0000_1111);
    }

    #[test]
    fn idx_beyond_ten_bits_is_no_kid() {
        assert!(Kid::new(Stream::Audio, IDX_LIMIT - 1, 0, 0).is_some());
        assert!(Kid::new(Stream::Audio, IDX_LIMIT, 0, 0).is_none());
    }

    #[test]
    fn steps_follow_the_counter() {
        assert_eq!(step_of(FIRST_CTR - 1), None);
        assert_eq!(step_of(FIRST_CTR), Some(0));
        assert_eq!(step_of(FIRST_CTR + 63), Some(0));
        assert_eq!(step_of(FIRST_CTR + 64), Some(1));
        assert_eq!(step_of(CTR_LIMIT - 1), Some(261_119));
        assert_eq!(step_of(CTR_LIMIT), None);
    }

    proptest! {
        #[test]
        fn fields_survive(stream in 0usize..4, idx in 0u16..IDX_LIMIT, epoch: u64, step: u32) {
            let stream = Stream::ALL[stream];
            let kid = Kid::new(stream, idx, epoch, step).unwrap();
            prop_assert_eq!(Kid::from_bits(kid.to_bits()), Some(kid));
            prop_assert_eq!(kid.stream(), stream);
            prop_assert_eq!(kid.idx(), idx);
            prop_assert_eq!(u64::from(kid.epoch_mod_256()), epoch % 256);
            prop_assert_eq!(u32::from(kid.step_mod_1024()), step % 1024);
        }

        #[test]
        fn only_well_formed_bits_are_read(bits: u32) {
            let stream_exists = bits >> 28 & 0b111 < 4;
            prop_assert_eq!(Kid::from_bits(bits).is_some(), bits >> 31 == 1 && stream_exists);
        }
    }
}
