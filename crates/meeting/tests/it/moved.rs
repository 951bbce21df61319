//! The organizer's word that it is in another session (`Moved`), in the hands of those who would
//! misuse it.

use standfast_meeting::limits::{MOVED_READS_MAX, REVIVALS_MAX};
use standfast_meeting::{Admission, Command, Hosts, Input, LeftWhy, Opening, Phase, Policy};
use standfast_wire::control::{Hash, Kind, Moved};
use standfast_wire::relay::Envelope;

use crate::authority::team;
use crate::life::{meeting, meeting_in};
use crate::room::{Room, identity};
use crate::sessions::{heal, open_beside, part};

/// What is sent of this kind reaches nobody.
fn withhold(room: &mut Room, kind: Kind) {
    let reader = room.reader();
    room.tamper = Some(Box::new(move |_, e| (reader(e).kind != kind).then(|| e.clone())));
}

/// What was posted in a session, of one kind.
fn posted(room: &Room, session: Hash, kind: Kind) -> Vec<Envelope> {
    let of_session = room.board.iter().map(|(_, e)| e).filter(|e| e.session_id == session);
    of_session.filter(|e| room.unbox(e).kind == kind).cloned().collect()
}

/// A session in which Mina and others went on without Ines, and the one that Ines opened beside it,
/// of which nobody has learned. She is gone since.
struct Recorded {
    room: Room,
    theirs: Hash,
    /// Ines' word, and heartbeats of hers in the other session.
    word: Vec<Envelope>,
}

fn recorded() -> Recorded {
    let mut room = meeting(&["mina", "leo", "sana"]);
    room.devices.remove("ines");
    room.pass(30_000);
    let theirs = open_beside(&mut room, &["mina", "leo", "sana"], &["jonas"]);
    withhold(&mut room, Kind::Moved);
    room.pass(20_000);
    room.tamper = None;
    let of_ines = room.see("ines").session_id.unwrap();
    let mut word = posted(&room, theirs, Kind::Moved);
    word.truncate(1);
    let beats = posted(&room, of_ines, Kind::Heartbeat);
    word.extend(beats[beats.len() - 2..].to_vec());
    room.devices.remove("ines");
    room.devices.remove("jonas");
    Recorded { room, theirs, word }
}

#[test]
fn a_word_that_is_shown_again_draws_to_and_fro_a_few_times_only() {
    let Recorded { mut room, theirs, word } = recorded();
    let mut went = 0;
    for _ in 0..12 {
        word.iter().for_each(|envelope| room.inject("leo", envelope));
        went += u32::from(room.see("leo").session_id != Some(theirs));
        room.pass(45_000);
        assert_eq!(room.see("leo").phase, Phase::Live);
        assert_eq!(room.see("leo").session_id, Some(theirs));
    }
    // Once to a session that is new, and then back to it.
    assert_eq!(went, 1 + u32::from(REVIVALS_MAX));
    assert_eq!(room.hearers("mina", 96_000), ["leo", "sana"]);
}

#[test]
fn its_own_word_leads_an_organizer_nowhere() {
    let Recorded { mut room, theirs, word } = recorded();
    room.organizer(&[], Admission::AnyoneWithLink);
    let seated = |room: &Room| {
        let ines = room.see("ines");
        ines.phase == Phase::Live && ines.session_id == Some(theirs) && !ines.generator
    };
    for _ in 0..600 {
        if seated(&room) {
            break;
        }
        room.pass(100);
    }
    assert!(seated(&room), "the control: in their session, and not yet in the generator's place");
    word.iter().for_each(|envelope| room.inject("ines", envelope));
    assert_eq!(room.see("ines").session_id, Some(theirs));
    room.pass(10_000);
    assert_eq!(room.hearers("ines", 96_000), ["leo", "mina", "sana"]);
}

#[test]
fn nobody_is_led_to_where_somebody_is_who_was_removed() {
    let mut room = team();
    room.devices.remove("ines");
    room.pass(30_000);
    room.command("mina", Command::Remove(identity("jonas").fingerprint()));
    room.pass(3_000);
    assert_eq!(room.see("jonas").phase, Phase::Left(LeftWhy::Removed));
    room.devices.remove("jonas");
    let theirs = open_beside(&mut room, &["mina", "leo"], &["jonas", "noor"]);
    room.pass(40_000);
    assert!(!posted(&room, theirs, Kind::Moved).is_empty(), "the control");
    assert_eq!(room.see("leo").session_id, Some(theirs));
    assert_eq!(room.hearers("ines", 96_000), ["jonas", "noor"]);
    // Without him they come.
    room.command("jonas", Command::Leave);
    room.pass(40_000);
    assert_eq!(room.hearers("ines", 192_000), ["leo", "mina", "noor"]);
}

#[test]
fn whoever_comes_after_the_word_was_given_reads_it_on_the_board() {
    let mut room = meeting(&["mina", "leo"]);
    room.devices.remove("ines");
    room.pass(30_000);
    let theirs = open_beside(&mut room, &["mina", "leo"], &["jonas"]);
    withhold(&mut room, Kind::Moved);
    room.pass(80_000);
    room.tamper = None;
    assert_eq!(posted(&room, theirs, Kind::Moved).len(), 6, "the control: it is not said again");
    assert_eq!(room.see("leo").session_id, Some(theirs));
    room.board.sort_by_key(|(_, e)| e.session_id == theirs);
    room.member("noor", Vec::new());
    room.pass(30_000);
    assert_eq!(room.hearers("ines", 192_000), ["jonas", "noor"]);
}

#[test]
fn people_come_to_the_organizer_in_a_session_that_a_deputy_opened() {
    let mut room = meeting(&["mina", "leo", "sana"]);
    room.command("ines", Command::SetDeputy(identity("sana").fingerprint()));
    room.devices.remove("ines");
    room.devices.remove("sana");
    room.pass(30_000);
    let parted = part(&mut room, &["mina", "leo"]);
    room.member("sana", Vec::new());
    let admission = Admission::AnyoneWithLink;
    let policy = Policy { admission, hosts: Hosts::Scheduled, rotate_ms: 300_000 };
    room.input("sana", Input::Open(Opening { scheduled: Vec::new(), policy }));
    room.pass(5_000);
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(10_000);
    assert!(room.see("ines").generator);
    assert_eq!(room.hearers("ines", 9_600), ["sana"]);
    heal(&mut room, &["mina", "leo"], parted);
    room.pass(40_000);
    assert_eq!(room.hearers("ines", 96_000), ["leo", "mina", "sana"]);
}

/// An Open and a heartbeat of somebody who took over, of another day.
fn yesterdays(days: u64) -> [Envelope; 2] {
    let mut room = Room::new();
    room.now.mono_ms += days * 86_400_000;
    let mut room = meeting_in(room, &["mina"]);
    let session = room.session_id();
    room.devices.remove("ines");
    room.pass(20_000);
    let beats = posted(&room, session, Kind::Heartbeat);
    [posted(&room, session, Kind::Open)[0].clone(), beats[beats.len() - 1].clone()]
}

#[test]
fn old_sessions_shown_in_turn_make_the_organizer_say_no_more() {
    let mut room = meeting_in(Room::new(), &["mina"]);
    let shown = [yesterdays(1), yesterdays(2)];
    for _ in 0..40 {
        shown.iter().flatten().for_each(|envelope| room.inject("ines", envelope));
        room.pass(1_000);
    }
    let said: Vec<_> =
        shown.iter().map(|[open, _]| posted(&room, open.session_id, Kind::Moved).len()).collect();
    assert_eq!(said, [4, 4], "once in ten seconds each");
    room.pass(1_000);
    assert_eq!(room.hearers("ines", 96_000), ["mina"]);
}

#[test]
fn a_word_that_names_a_session_nobody_knows_costs_the_line_a_few_times_only() {
    let mut room = meeting(&["mina", "leo"]);
    let word = room.forge(&identity("ines"), Kind::Moved, &Moved { to: [7; 32] });
    let before = room.devices["leo"].reads;
    for _ in 0..20 {
        room.inject("leo", &word);
        room.pass(16_000);
    }
    assert_eq!(room.devices["leo"].reads - before, u32::from(MOVED_READS_MAX));
    assert_eq!(room.see("leo").phase, Phase::Live);
}
