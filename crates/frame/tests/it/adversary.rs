//! Frames that somebody without the key, or with another one, made or moved.

use standfast_frame::{FrameContext, Kid, Opener, ParsedFrame, Refused, Sealer, Stream};

use crate::pair::{CONTEXT, PLAINTEXT_BYTES, Pair, base, open, plaintext, relabelled};

#[test]
fn every_flipped_bit_is_refused_and_leaves_no_trace() {
    let mut pair = Pair::new();
    pair.skip_steps(2);
    for frame in pair.seal_many(2) {
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(pair.open(&flipped, bit as u64).is_err(), "bit {bit} was not refused");
        }
        assert_eq!(pair.open(&frame, 10_000), Ok(plaintext()));
    }
}

#[test]
fn a_frame_cut_or_lengthened_is_refused() {
    let mut pair = Pair::new();
    let frame = pair.seal();
    for end in 0..frame.len() {
        assert!(pair.open(&frame[..end], 0).is_err());
    }
    assert!(pair.open(&[&frame[..], &[0]].concat(), 0).is_err());
}

#[test]
fn a_replay_is_refused() {
    let mut pair = Pair::new();
    let frames = pair.seal_many(100);
    for frame in &frames {
        assert_eq!(pair.open(frame, 0), Ok(plaintext()));
        assert_eq!(pair.open(frame, 0), Err(Refused::Replayed));
    }
    assert!(frames.iter().all(|frame| pair.open(frame, 0) == Err(Refused::Replayed)));
}

/// Refused by name where the key id is honest, by the tag where it was rewritten to fit.
fn refused_either_way(sealed_under: FrameContext, seed: u8) {
    let mut sealer = Sealer::new(base(seed), &sealed_under).unwrap();
    let mut frame = Vec::new();
    sealer.seal(&plaintext(), &mut frame).unwrap();
    let mut pair = Pair::new();
    let honest = ParsedFrame::parse(&frame).unwrap().kid();
    let fitting = Kid::new(CONTEXT.stream, CONTEXT.idx, CONTEXT.epoch, 0).unwrap();
    if honest != fitting {
        assert_eq!(pair.open(&frame, 0), Err(Refused::OtherSender));
    }
    let forged = relabelled(&frame, fitting.to_bits());
    assert_eq!(pair.open(&forged, 0), Err(Refused::NotAuthentic));
    let mine = pair.seal();
    assert_eq!(pair.open(&mine, 0), Ok(plaintext()));
}

#[test]
fn frames_of_another_sender_are_refused() {
    refused_either_way(FrameContext { idx: 4, ..CONTEXT }, 2);
    refused_either_way(CONTEXT, 2);
}

/// Even from one base secret, which the key schedule never hands out twice.
#[test]
fn frames_of_another_idx_stream_or_epoch_are_refused() {
    refused_either_way(FrameContext { idx: 4, ..CONTEXT }, 1);
    refused_either_way(FrameContext { epoch: CONTEXT.epoch + 1, ..CONTEXT }, 1);
    for stream in [Stream::Data, Stream::Checkpoint, Stream::Ping] {
        refused_either_way(FrameContext { stream, ..CONTEXT }, 1);
    }
}

/// The epochs share their low bits and everything else but the associated data.
#[test]
fn frames_of_another_history_are_refused() {
    let context = FrameContext { epoch: CONTEXT.epoch + 256, aad_metadata: [0x60; 32], ..CONTEXT };
    refused_either_way(context, 1);
}

/// A member has openers for the others only; its own frames find none, under any label.
#[test]
fn reflected_frames_are_refused() {
    let mut own = Sealer::new(base(1), &CONTEXT).unwrap();
    let mut frame = Vec::new();
    own.seal(&plaintext(), &mut frame).unwrap();
    for idx in 0..8u16 {
        let others = FrameContext { idx, ..CONTEXT };
        let mut opener = Opener::new(base(idx as u8 + 10), &others).unwrap();
        let forged = relabelled(&frame, Kid::new(Stream::Audio, idx, 258, 0).unwrap().to_bits());
        assert_eq!(open(&mut opener, &forged, 0), Err(Refused::NotAuthentic));
        if idx != CONTEXT.idx {
            assert_eq!(open(&mut opener, &frame, 0), Err(Refused::OtherSender));
        }
    }
}

#[test]
fn a_refused_frame_leaves_the_output_as_it_was() {
    let mut pair = Pair::new();
    let mut frame = pair.seal();
    frame[20] ^= 1;
    let mut out = b"before".to_vec();
    let screened = pair.opener.screen(ParsedFrame::parse(&frame).unwrap(), 0).ok().unwrap();
    assert!(screened.open(&mut out).is_err());
    assert_eq!(out, b"before");
}

#[test]
fn frames_of_a_profile_have_one_length() {
    let mut pair = Pair::new();
    pair.skip_steps(1_030);
    for frame in pair.seal_many(200) {
        assert_eq!(frame.len(), PLAINTEXT_BYTES + standfast_frame::OVERHEAD_BYTES);
    }
    assert_eq!(standfast_frame::OVERHEAD_BYTES, 24);
}
