//! Every course of events of a meeting of three, within a small bound, and a few longer ones that
//! once went wrong.

use standfast_testkit::model::{Action, Meeting};

#[test]
fn a_small_meeting_keeps_every_promise_whatever_happens() {
    let explored = Meeting { depth: 2, faults: 1, seed: 1 }.explore(2);
    println!("{} states, {} courses of events", explored.states, explored.courses);
    assert_eq!(explored.broken, Vec::<String>::new());
    assert!(explored.states >= 60 && explored.depth >= 3, "{explored:?}");
}

#[test]
fn an_organizer_back_at_once_and_a_member_in_its_stead_find_each_other() {
    // Jonas has missed a heartbeat or two, and takes over just before Ines opens anew.
    let course = [Action::Lose(2), Action::Crash(0), Action::Restart(0)];
    let broken = Meeting { depth: 3, faults: 2, seed: 1 }.follow(&course);
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn an_organizer_whose_line_breaks_while_it_looks_around_opens_nothing() {
    let course = [Action::Crash(0), Action::Restart(0), Action::Disconnect(0)];
    let broken = Meeting { depth: 3, faults: 2, seed: 1 }.follow(&course);
    assert_eq!(broken, Vec::<String>::new());
}
