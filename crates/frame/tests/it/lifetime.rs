//! The sender's counter, from its first value to its last.

use std::collections::HashSet;

use proptest::prelude::*;
use standfast_frame::{
    FIRST_CTR, FrameContext, MAX_PLAINTEXT_BYTES, Opener, SealError, Sealer, SetupError,
};

use crate::pair::{CONTEXT, Pair, base, ctr_of, plaintext};

fn all_are_send<T: Send>() {}

#[test]
fn sealers_and_openers_may_move_to_another_thread() {
    all_are_send::<Sealer>();
    all_are_send::<Opener>();
}

#[test]
fn the_counter_starts_at_its_first_value_and_counts() {
    let mut pair = Pair::new();
    let ctrs: Vec<u32> = pair.seal_many(130).iter().map(|frame| ctr_of(frame)).collect();
    assert!(ctrs.into_iter().eq(FIRST_CTR..FIRST_CTR + 130));
}

#[test]
fn silence_moves_to_the_next_step_once() {
    let mut pair = Pair::new();
    pair.sealer.skip_to_next_step().unwrap();
    assert_eq!(ctr_of(&pair.seal()), FIRST_CTR);
    pair.sealer.skip_to_next_step().unwrap();
    pair.sealer.skip_to_next_step().unwrap();
    assert_eq!(ctr_of(&pair.seal()), FIRST_CTR + 64);
    pair.seal_many(63);
    pair.sealer.skip_to_next_step().unwrap();
    assert_eq!(ctr_of(&pair.seal()), FIRST_CTR + 128);
}

#[test]
fn misuse_is_refused() {
    let beyond = FrameContext { idx: 1_024, ..CONTEXT };
    assert_eq!(Sealer::new(base(1), &beyond).err(), Some(SetupError::IdxOutOfRange));
    assert_eq!(Opener::new(base(1), &beyond).err(), Some(SetupError::IdxOutOfRange));
    let mut pair = Pair::new();
    let mut out = b"before".to_vec();
    let too_long = vec![0; MAX_PLAINTEXT_BYTES + 1];
    assert_eq!(pair.sealer.seal(&too_long, &mut out), Err(SealError::PlaintextTooLong));
    assert_eq!(out, b"before");
    assert!(pair.sealer.seal(&too_long[1..], &mut out).is_ok());
    assert_eq!(pair.open(&out[6..], 0).map(|plain| plain.len()), Ok(MAX_PLAINTEXT_BYTES));
}

#[test]
fn sealing_into_a_buffer_with_room_does_not_move_it() {
    let mut pair = Pair::new();
    let mut out = Vec::with_capacity(200);
    let at = out.as_ptr();
    for _ in 0..200 {
        out.clear();
        pair.sealer.seal(&plaintext(), &mut out).unwrap();
    }
    assert_eq!((out.as_ptr(), out.capacity()), (at, 200));
}

proptest! {
    /// Within one sealer the counter is the nonce; whatever it does, none comes twice.
    #[test]
    fn no_nonce_comes_twice(says in proptest::collection::vec(0u8..8, 1..400)) {
        let mut pair = Pair::new();
        let mut seen = HashSet::new();
        for say in says {
            match say {
                0 => pair.sealer.skip_to_next_step().unwrap(),
                1 => prop_assert!(pair.sealer.seal(&[0; 4_000], &mut Vec::new()).is_err()),
                _ => prop_assert!(seen.insert(ctr_of(&pair.seal()))),
            }
        }
    }
}
