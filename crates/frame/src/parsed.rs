//! The first link of the receiving chain: bytes that have the form of a frame.

use crate::{
    context::{HEADER_BYTES, MAX_FRAME_BYTES, OVERHEAD_BYTES},
    kid::{Kid, step_of},
    refused::Refused,
};

/// RFC 9605 §4.3: extended key id of four bytes, extended counter of three.
const CONFIG_BYTE: u8 = 0b1011_1010;

/// A frame whose header is well formed. Nothing about it is authenticated yet.
///
/// The header has one form only (see [`Kid`] and [`FIRST_CTR`](crate::FIRST_CTR)), so it is read
/// here directly; the `sframe` crate's parser admits all forms and allocates for each field.
#[derive(Clone, Copy)]
pub struct ParsedFrame<'f> {
    header: &'f [u8; HEADER_BYTES],
    sealed: &'f [u8],
    kid: Kid,
    ctr: u32,
    step: u32,
}

impl<'f> ParsedFrame<'f> {
    /// Reads the header. Refuses a wrong length, any other encoding of the header, and a key id
    /// whose step is not the one of the counter.
    pub fn parse(bytes: &'f [u8]) -> Result<Self, Refused> {
        if !(OVERHEAD_BYTES..=MAX_FRAME_BYTES).contains(&bytes.len()) {
            return Err(Refused::Malformed);
        }
        let (header, sealed) =
            bytes.split_first_chunk::<HEADER_BYTES>().ok_or(Refused::Malformed)?;
        let [CONFIG_BYTE, k0, k1, k2, k3, c0, c1, c2] = *header else {
            return Err(Refused::Malformed);
        };
        let kid = Kid::from_bits(u32::from_be_bytes([k0, k1, k2, k3])).ok_or(Refused::Malformed)?;
        let ctr = u32::from_be_bytes([0, c0, c1, c2]);
        let step = step_of(ctr).ok_or(Refused::Malformed)?;
        if kid.at_step(step) != kid {
            return Err(Refused::StepMismatch);
        }
        Ok(Self { header, sealed, kid, ctr, step })
    }

    /// Which opener to ask: stream, idx and epoch, as the frame claims.
    pub fn kid(&self) -> Kid {
        self.kid
    }

    /// The counter, as the frame claims.
    pub fn ctr(&self) -> u32 {
        self.ctr
    }

    pub(crate) fn step(&self) -> u32 {
        self.step
    }

    pub(crate) fn header(&self) -> &'f [u8; HEADER_BYTES] {
        self.header
    }

    /// Ciphertext and tag.
    pub(crate) fn sealed(&self) -> &'f [u8] {
        self.sealed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CTR_LIMIT, FIRST_CTR, FRAMES_PER_STEP, Stream};
    use proptest::prelude::*;
    use sframe::header::SframeHeader;

    fn frame(header: SframeHeader) -> Vec<u8> {
        let mut bytes = Vec::from(&header);
        bytes.extend_from_slice(&[0; 16]);
        bytes
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = ParsedFrame::parse(&bytes);
        }

        #[test]
        fn agrees_with_the_sframe_crate(idx in 0u16..1024, epoch: u64, n in 0..CTR_LIMIT - FIRST_CTR) {
            let kid = Kid::new(Stream::Data, idx, epoch, n / FRAMES_PER_STEP).unwrap();
            let header = SframeHeader::new(kid.to_bits().into(), (FIRST_CTR + n).into());
            let bytes = frame(header);
            let parsed = ParsedFrame::parse(&bytes).unwrap();
            prop_assert_eq!(u64::from(parsed.kid().to_bits()), header.key_id());
            prop_assert_eq!(u64::from(parsed.ctr()), header.counter());
        }

        #[test]
        fn what_parses_is_canonical(mut bytes in proptest::collection::vec(any::<u8>(), 24..48)) {
            bytes[0] = CONFIG_BYTE;
            bytes[1] |= 0x80;
            if let Ok(parsed) = ParsedFrame::parse(&bytes) {
                let header = SframeHeader::new(parsed.kid().to_bits().into(), parsed.ctr().into());
                prop_assert_eq!(&Vec::from(&header)[..], &bytes[..8]);
            }
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let kid = Kid::new(Stream::Audio, 1, 1, 0).unwrap().to_bits();
        let mut bytes = frame(SframeHeader::new(kid.into(), FIRST_CTR.into()));
        assert!(ParsedFrame::parse(&bytes).is_ok());
        assert!(ParsedFrame::parse(&bytes[..23]).is_err());
        bytes.resize(MAX_FRAME_BYTES, 0);
        assert!(ParsedFrame::parse(&bytes).is_ok());
        bytes.push(0);
        assert!(ParsedFrame::parse(&bytes).is_err());
    }

    #[test]
    fn other_header_forms_are_refused() {
        let kid = Kid::new(Stream::Audio, 1, 1, 0).unwrap().to_bits().into();
        for header in [
            SframeHeader::new(kid, 65_535),
            SframeHeader::new(kid, CTR_LIMIT.into()),
            SframeHeader::new(kid & 0xff_ffff, FIRST_CTR.into()),
            SframeHeader::new(1 << 32 | kid, FIRST_CTR.into()),
        ] {
            assert_eq!(ParsedFrame::parse(&frame(header)).err(), Some(Refused::Malformed));
        }
    }

    #[test]
    fn a_step_that_disagrees_is_refused() {
        let kid = Kid::new(Stream::Audio, 1, 1, 1).unwrap().to_bits().into();
        let bytes = frame(SframeHeader::new(kid, FIRST_CTR.into()));
        assert_eq!(ParsedFrame::parse(&bytes).err(), Some(Refused::StepMismatch));
    }
}
