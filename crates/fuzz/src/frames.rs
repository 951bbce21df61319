//! Sealed frames and what is inside.

use std::collections::BTreeSet;

use standfast_crypto::Secret;
use standfast_frame::{
    BASE_BYTES, FrameContext, Kid, Opener, ParsedFrame, Payload, Sealer, Stream,
};

use crate::Tape;

/// A payload: what is read is written the same, byte for byte.
pub(crate) fn payload(bytes: &[u8]) {
    let Ok(payload) = Payload::parse(bytes) else { return };
    let packets: Vec<&[u8]> = payload.packets().collect();
    assert!(packets.len() == usize::from(payload.count()));
    let mut again = Vec::new();
    if Payload::write(&mut again, bytes.len(), payload.media_ts, payload.flags, &packets).is_ok() {
        assert!(again == bytes, "a second form was accepted");
    }
}

fn base() -> Secret<BASE_BYTES> {
    Secret::from_fn(|out| out.fill(7))
}

const CONTEXT: FrameContext =
    FrameContext { aad_metadata: [0x5f; 32], stream: Stream::Audio, idx: 3, epoch: 258 };

/// Frames of one sender on a hostile way: held back, repeated, changed, invented. Nothing opens
/// but what was sealed, and nothing twice.
pub(crate) fn frame(bytes: &[u8]) {
    let mut sealer = Sealer::new(base(), &CONTEXT).unwrap();
    let mut opener = Opener::new(base(), &CONTEXT).unwrap();
    let mut sealed: Vec<Vec<u8>> = Vec::new();
    let mut opened = BTreeSet::new();
    let mut now_ms = 0;
    let mut tape = Tape::new(bytes);
    while !tape.is_over() {
        let frame = match tape.byte() % 6 {
            0 => {
                let mut frame = Vec::new();
                sealer.seal(&tape.blob(200), &mut frame).unwrap();
                sealed.push(frame);
                continue;
            }
            1 if sealer.skip_to_next_step().is_ok() => continue,
            2 => {
                now_ms += u64::from(tape.u16());
                continue;
            }
            3 => tape.blob(300),
            4 => {
                let mut frame = tape.pick(&sealed).cloned().unwrap_or_default();
                let bit = usize::from(tape.u16()) % (frame.len() * 8).max(1);
                if let Some(byte) = frame.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
                frame
            }
            _ => tape.pick(&sealed).cloned().unwrap_or_default(),
        };
        open(&mut opener, &frame, now_ms, &sealed, &mut opened);
    }
}

fn open(
    opener: &mut Opener,
    bytes: &[u8],
    now_ms: u64,
    sealed: &[Vec<u8>],
    opened: &mut BTreeSet<u32>,
) {
    let Ok(parsed) = ParsedFrame::parse(bytes) else { return };
    let (kid, ctr) = (parsed.kid(), parsed.ctr());
    assert!(Kid::from_bits(kid.to_bits()) == Some(kid));
    let mut out = Vec::new();
    let Ok(screened) = opener.screen(parsed, now_ms) else { return };
    match screened.open(&mut out) {
        Ok(frame) => {
            assert!(sealed.iter().any(|known| known == bytes), "a frame that nobody sealed opened");
            assert!(opened.insert(ctr), "a frame opened twice");
            assert!(frame.plaintext().len() < bytes.len());
            let _ = frame.payload();
        }
        Err(_) => assert!(out.is_empty(), "a refused frame left something behind"),
    }
}
