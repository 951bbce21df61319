//! Steps that were skipped, by silence, by loss, or by a forger.

use standfast_frame::{CATCH_UP_STEPS, Kid, Refused};

use crate::pair::{CONTEXT, Pair, plaintext, relabelled};

/// A header that claims a step, with nothing valid behind it.
fn forged_at(step: u32) -> Vec<u8> {
    let kid = Kid::new(CONTEXT.stream, CONTEXT.idx, CONTEXT.epoch, step).unwrap();
    let mut forged = relabelled(&Pair::new().seal(), kid.to_bits());
    forged[5..8].copy_from_slice(&(65_536 + step * 64).to_be_bytes()[1..]);
    forged
}

#[test]
fn silence_is_caught_up_with() {
    let mut pair = Pair::new();
    for round in 0..50 {
        pair.skip_steps(round % 17);
        let frame = pair.seal();
        assert_eq!(pair.open(&frame, 0), Ok(plaintext()));
    }
}

#[test]
fn the_longest_gap_opens_and_one_step_more_does_not() {
    let mut pair = Pair::new();
    pair.skip_steps(CATCH_UP_STEPS as usize);
    let reachable = pair.seal();
    pair.skip_steps(1);
    let beyond = pair.seal();
    assert_eq!(pair.open(&beyond, 0), Err(Refused::TooFarAhead));
    assert_eq!(pair.open(&reachable, 0), Ok(plaintext()));
    assert_eq!(pair.open(&beyond, 0), Ok(plaintext()));
}

#[test]
fn long_catch_ups_are_rationed() {
    let mut pair = Pair::new();
    assert_eq!(pair.open(&forged_at(17), 1_000), Err(Refused::NotAuthentic));
    // The same step again costs nothing; 16 more are free; 17 more are not.
    assert_eq!(pair.open(&forged_at(17), 1_000), Err(Refused::NotAuthentic));
    assert_eq!(pair.open(&forged_at(33), 1_000), Err(Refused::NotAuthentic));
    assert_eq!(pair.open(&forged_at(50), 1_999), Err(Refused::TooOften));
    assert_eq!(pair.open(&forged_at(50), 2_000), Err(Refused::NotAuthentic));
}

#[test]
fn forged_steps_do_not_move_the_receiver() {
    let mut pair = Pair::new();
    let frames = pair.seal_many(64 * 3);
    pair.open(&frames[0], 0).unwrap();
    for (round, step) in [4_096, 1, 300, 2, 17, 3].into_iter().enumerate() {
        let now_ms = round as u64 * 1_000;
        assert_eq!(pair.open(&forged_at(step), now_ms), Err(Refused::NotAuthentic));
    }
    assert_eq!(pair.opener.expires_ms(), None, "the current step was left");
    assert!(frames[1..].iter().all(|frame| pair.open(frame, 9_000) == Ok(plaintext())));
}

#[test]
fn a_forger_who_spent_the_ration_delays_by_a_second_at_most() {
    let mut pair = Pair::new();
    pair.skip_steps(100);
    let (first, second) = (pair.seal(), pair.seal());
    assert_eq!(pair.open(&forged_at(2_000), 0), Err(Refused::NotAuthentic));
    assert_eq!(pair.open(&first, 999), Err(Refused::TooOften));
    assert_eq!(pair.open(&first, 1_000), Ok(plaintext()));
    assert_eq!(pair.open(&second, 1_000), Ok(plaintext()));
}

/// From a step kept aside, from the one before it, and over the seam of the ten step bits.
#[test]
fn every_way_to_a_step_gives_its_key() {
    for detour in [1, 5, 6, 9, 10, 11, 1_030] {
        let mut pair = Pair::new();
        pair.skip_steps(10);
        let frame = pair.seal();
        assert_eq!(pair.open(&forged_at(detour), 0), Err(Refused::NotAuthentic));
        assert_eq!(pair.open(&frame, 1_000), Ok(plaintext()), "after {detour}");
    }
    let mut pair = Pair::new();
    pair.skip_steps(1_025);
    let frame = pair.seal();
    assert_eq!(pair.open(&frame, 0), Ok(plaintext()));
}

#[test]
fn the_step_before_one_kept_aside_opens_late_frames() {
    for detour in [8, 9, 10] {
        let mut pair = Pair::new();
        let frames = pair.seal_many(64 * 10 + 1);
        assert_eq!(pair.open(&forged_at(detour), 0), Err(Refused::NotAuthentic));
        assert_eq!(pair.open(&frames[64 * 10], 0), Ok(plaintext()));
        assert_eq!(pair.open(&frames[64 * 10 - 1], 0), Ok(plaintext()), "after {detour}");
    }
}
