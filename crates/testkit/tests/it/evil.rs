//! A few variations of every attack.

use standfast_testkit::evil::ATTACKS;

/// Variations of each attack: at least one whole batch with its control.
const TRIES: u64 = 3;

fn try_out(nth: usize) {
    for attack in ATTACKS.iter().skip(nth).step_by(4) {
        let tally = attack.campaign(TRIES, 7_000).unwrap();
        let held = (tally.accepted, tally.panics) == (0, 0);
        assert!(held && tally.tries >= TRIES && tally.controls > 0, "{tally:?}");
    }
}

#[test]
fn no_attack_is_accepted_and_every_control_is_a() {
    try_out(0);
}

#[test]
fn no_attack_is_accepted_and_every_control_is_b() {
    try_out(1);
}

#[test]
fn no_attack_is_accepted_and_every_control_is_c() {
    try_out(2);
}

#[test]
fn no_attack_is_accepted_and_every_control_is_d() {
    try_out(3);
}

#[test]
fn attacks_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> = ATTACKS.iter().map(|a| a.name).collect();
    assert_eq!(names.len(), ATTACKS.len());
}
