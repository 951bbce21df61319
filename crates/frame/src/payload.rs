//! What is inside a frame: `u32 media_ts, u8 flags, u8 count, count x (u16 len, packet)`, then
//! zeros up to the size of the profile. Integers are big-endian.

use thiserror::Error;

use crate::context::MAX_PLAINTEXT_BYTES;

/// Bytes before the first packet.
pub const PAYLOAD_HEADER_BYTES: usize = 6;

/// Bytes before each packet.
pub const PACKET_HEADER_BYTES: usize = 2;

/// Why a payload was not written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// Misuse: the packets do not fit the profile's size, or that does not fit a frame.
    #[error("packets do not fit the profile's size")]
    DoesNotFit,
    /// The sender misbehaved: lengths point beyond the end.
    #[error("payload is cut short")]
    CutShort,
    /// The sender misbehaved: the padding is not zero.
    #[error("padding is not zero")]
    DirtyPadding,
}

/// The plaintext of a frame, its lengths and padding checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'b> {
    /// The stream's media clock at the first packet, wrapping.
    pub media_ts: u32,
    /// Bits whose meaning belongs to the stream.
    pub flags: u8,
    count: u8,
    /// Exactly `count` packets, each behind its length.
    body: &'b [u8],
}

impl<'b> Payload<'b> {
    /// Appends a payload of exactly `size` bytes to `out`; on error `out` is as it was.
    ///
    /// `size` is the profile's: the same for every frame of it, so that lengths say nothing.
    pub fn write(
        out: &mut Vec<u8>,
        size: usize,
        media_ts: u32,
        flags: u8,
        packets: &[&[u8]],
    ) -> Result<(), PayloadError> {
        let count = u8::try_from(packets.len()).map_err(|_| PayloadError::DoesNotFit)?;
        let body: usize = packets.iter().map(|packet| PACKET_HEADER_BYTES + packet.len()).sum();
        if size > MAX_PLAINTEXT_BYTES || PAYLOAD_HEADER_BYTES + body > size {
            return Err(PayloadError::DoesNotFit);
        }
        let end = out.len() + size;
        out.reserve(size);
        out.extend_from_slice(&media_ts.to_be_bytes());
        out.extend_from_slice(&[flags, count]);
        for packet in packets {
            let len = u16::try_from(packet.len()).unwrap_or_default();
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(packet);
        }
        out.resize(end, 0);
        Ok(())
    }

    /// Reads a payload, of whatever size; never panics.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, PayloadError> {
        let (header, rest) =
            bytes.split_first_chunk::<PAYLOAD_HEADER_BYTES>().ok_or(PayloadError::CutShort)?;
        let [t0, t1, t2, t3, flags, count] = *header;
        let mut after = rest;
        for _ in 0..count {
            after = take_packet(after).ok_or(PayloadError::CutShort)?.1;
        }
        if after.iter().any(|&byte| byte != 0) {
            return Err(PayloadError::DirtyPadding);
        }
        let body = &rest[..rest.len() - after.len()];
        Ok(Self { media_ts: u32::from_be_bytes([t0, t1, t2, t3]), flags, count, body })
    }

    /// How many packets there are.
    pub fn count(&self) -> u8 {
        self.count
    }

    /// The packets in the order written: for audio the newest first, then copies of those before.
    pub fn packets(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let mut rest = self.body;
        std::iter::from_fn(move || {
            let (packet, after) = take_packet(rest)?;
            rest = after;
            Some(packet)
        })
    }
}

fn take_packet(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<PACKET_HEADER_BYTES>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn written(size: usize, packets: &[&[u8]]) -> Result<Vec<u8>, PayloadError> {
        let mut out = Vec::new();
        Payload::write(&mut out, size, 0x0102_0304, 0x80, packets).map(|()| out)
    }

    #[test]
    fn layout_is_frozen() {
        let bytes = written(16, &[b"ab", b"", b"c"]).unwrap();
        assert_eq!(bytes, *b"\x01\x02\x03\x04\x80\x03\x00\x02ab\x00\x00\x00\x01c\x00");
    }

    #[test]
    fn an_exact_fit_has_no_padding_and_one_byte_more_does_not_fit() {
        assert_eq!(written(8 + 5, &[b"hello"]).unwrap().len(), 13);
        assert_eq!(written(8 + 4, &[b"hello"]), Err(PayloadError::DoesNotFit));
        assert_eq!(written(5, &[]), Err(PayloadError::DoesNotFit));
        assert_eq!(written(MAX_PLAINTEXT_BYTES + 1, &[]), Err(PayloadError::DoesNotFit));
        assert_eq!(written(1_000, &[b"".as_slice(); 256]), Err(PayloadError::DoesNotFit));
    }

    #[test]
    fn padding_must_be_zero() {
        let mut bytes = written(32, &[b"hello"]).unwrap();
        for at in 13..32 {
            bytes[at] = 1;
            assert_eq!(Payload::parse(&bytes), Err(PayloadError::DirtyPadding));
            bytes[at] = 0;
        }
        assert!(Payload::parse(&bytes).is_ok());
    }

    #[test]
    fn lengths_must_stay_inside() {
        let bytes = written(13, &[b"hello"]).unwrap();
        for end in 0..13 {
            assert_eq!(Payload::parse(&bytes[..end]), Err(PayloadError::CutShort));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            packets in vec(vec(any::<u8>(), 0..100), 0..8),
            media_ts: u32,
            flags: u8,
            slack in 0usize..64,
        ) {
            let slices: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
            let size = slack + 6 + slices.iter().map(|packet| 2 + packet.len()).sum::<usize>();
            let mut out = vec![9; 3];
            Payload::write(&mut out, size, media_ts, flags, &slices).unwrap();
            prop_assert_eq!(out.len(), 3 + size);
            let read = Payload::parse(&out[3..]).unwrap();
            prop_assert_eq!((read.media_ts, read.flags), (media_ts, flags));
            prop_assert_eq!(usize::from(read.count()), slices.len());
            prop_assert_eq!(read.packets().collect::<Vec<_>>(), slices);
        }

        /// One reading for one text: whatever parses is what `write` would have written.
        #[test]
        fn whatever_is_read_is_canonical(mut bytes in vec(0u8..3, 0..64), few in 0u8..4) {
            if let Some(count) = bytes.get_mut(5) {
                *count = few;
            }
            if let Ok(read) = Payload::parse(&bytes) {
                let packets: Vec<&[u8]> = read.packets().collect();
                let mut out = Vec::new();
                Payload::write(&mut out, bytes.len(), read.media_ts, read.flags, &packets).unwrap();
                prop_assert_eq!(out, bytes);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
            if let Ok(read) = Payload::parse(&bytes) {
                prop_assert_eq!(read.packets().count(), usize::from(read.count()));
            }
        }
    }
}
