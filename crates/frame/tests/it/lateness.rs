//! Frames that were overtaken.

use proptest::prelude::*;
use standfast_frame::{PREVIOUS_STEP_MS, Refused};

use crate::pair::{Pair, plaintext};

#[test]
fn any_order_within_a_step_opens_each_frame_once() {
    let mut pair = Pair::new();
    let frames = pair.seal_many(64);
    for at in (0..64).rev().chain(0..64) {
        let first_time = pair.open(&frames[at], 0).is_ok();
        assert_eq!(pair.open(&frames[at], 0), Err(Refused::Replayed));
        assert!(first_time || pair.open(&frames[at], 0) == Err(Refused::Replayed));
    }
}

#[test]
fn the_previous_step_opens_for_two_seconds() {
    let mut pair = Pair::new();
    let frames = pair.seal_many(66);
    pair.open(&frames[0], 0).unwrap();
    pair.open(&frames[64], 5_000).unwrap();
    assert_eq!(pair.opener.expires_ms(), Some(5_000 + PREVIOUS_STEP_MS));
    pair.open(&frames[62], 5_000).unwrap();
    pair.open(&frames[63], 6_999).unwrap();
    assert_eq!(pair.open(&frames[63], 6_999), Err(Refused::Replayed));
    assert_eq!(pair.open(&frames[61], 7_000), Err(Refused::TooLate));
    assert_eq!(pair.opener.expires_ms(), None);
    pair.open(&frames[65], 7_000).unwrap();
}

#[test]
fn the_key_also_goes_when_nothing_arrives() {
    let mut pair = Pair::new();
    let frames = pair.seal_many(65);
    pair.open(&frames[64], 0).unwrap();
    pair.opener.expire(1_999);
    assert!(pair.opener.expires_ms().is_some());
    pair.opener.expire(2_000);
    assert!(pair.opener.expires_ms().is_none());
    // A clock that jumped back does not bring it back.
    assert_eq!(pair.open(&frames[63], 0), Err(Refused::TooLate));
}

#[test]
fn after_a_gap_the_step_before_the_newest_still_opens() {
    let mut pair = Pair::new();
    let frames = pair.seal_many(64 * 5 + 1);
    pair.open(&frames[0], 0).unwrap();
    pair.open(&frames[64 * 5], 0).unwrap();
    pair.open(&frames[64 * 5 - 1], 0).unwrap();
    assert_eq!(pair.open(&frames[64 * 4 - 1], 0), Err(Refused::TooLate));
}

#[test]
fn behind_the_window_is_too_late() {
    let mut pair = Pair::new();
    let frames = pair.seal_many(600);
    pair.open(&frames[599], 0).unwrap();
    assert_eq!(pair.open(&frames[87], 0), Err(Refused::TooLate));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Frames displaced by less than a step: all open, each once.
    #[test]
    fn a_jittery_path_loses_nothing(delays in proptest::collection::vec(0usize..60, 400)) {
        let mut pair = Pair::new();
        let mut arrivals: Vec<(usize, Vec<u8>)> = delays
            .iter()
            .enumerate()
            .map(|(at, delay)| (at + delay, pair.seal()))
            .collect();
        arrivals.sort_by_key(|(when, _)| *when);
        for (when, frame) in &arrivals {
            prop_assert_eq!(pair.open(frame, *when as u64 * 20), Ok(plaintext()));
        }
        for (when, frame) in &arrivals {
            prop_assert!(pair.open(frame, *when as u64 * 20).is_err());
        }
    }
}
