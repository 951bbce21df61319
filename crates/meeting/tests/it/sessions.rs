//! Several sessions of one meeting at once: left over by a crash, or opened because a relay lost a
//! board that somebody still holds.

use standfast_meeting::{Admission, Input, Phase};
use standfast_wire::control::{Hash, Kind};

use crate::life::meeting;
use crate::room::Room;

/// The boards of two sessions that everybody was thrown out of.
fn two_dead_boards() -> Room {
    let mut room = meeting(&["mina"]);
    let first = std::mem::take(&mut room.board);
    room.devices.clear();
    room.now.mono_ms += 60_000;
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(2_000);
    room.devices.clear();
    room.now.mono_ms += 60_000;
    room.board.splice(0..0, first);
    room
}

fn sessions(room: &Room) -> usize {
    let mut sessions: Vec<_> = room.board.iter().map(|(_, e)| e.session_id).collect();
    sessions.sort_unstable();
    sessions.dedup();
    sessions.len()
}

#[test]
fn an_organizer_who_finds_only_dead_boards_opens_the_next() {
    let mut room = two_dead_boards();
    assert_eq!(sessions(&room), 2);
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(15_000);
    assert_eq!(room.see("ines").phase, Phase::Live);
    assert_eq!(sessions(&room), 3);
}

#[test]
fn a_dead_board_beside_the_meeting_keeps_nobody_from_taking_over() {
    let mut room = meeting(&["mina"]);
    room.devices.clear();
    room.now.mono_ms += 60_000;
    let first = std::mem::take(&mut room.board);
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(2_000);
    room.board.splice(0..0, first);
    for name in ["mina", "jonas"] {
        room.member(name, Vec::new());
        room.pass(4_000);
    }
    assert_eq!(room.hearers("mina", 960), ["ines", "jonas"]);
    let session = room.see("mina").session_id;
    room.devices.remove("ines");
    room.pass(12_000);
    assert_eq!(room.hearers("mina", 96_000), ["jonas"]);
    assert_eq!(room.see("mina").session_id, session);
}

#[test]
fn whoever_is_alone_with_a_lost_board_goes_over_to_the_next_session() {
    let mut room = meeting(&["mina"]);
    room.devices.remove("ines");
    room.pass(12_000);
    assert!(room.see("mina").generator);
    let lost = room.see("mina").session_id.unwrap();
    // The relay is restarted, and the organizer is there first.
    room.disconnect("mina");
    room.board.clear();
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(1_000);
    room.connect("mina");
    room.input("mina", Input::BoardLost { session_id: lost });
    room.run();
    room.pass(20_000);
    assert_ne!(room.see("ines").session_id, Some(lost));
    assert_eq!(room.see("mina").session_id, room.see("ines").session_id);
    assert_eq!(room.hearers("mina", 9_600), ["ines"]);
}

#[test]
fn who_waits_and_did_not_get_the_open_reads_the_board_again() {
    let mut room = meeting(&[]);
    let reader = room.reader();
    let mut lost = false;
    room.tamper = Some(Box::new(move |to, envelope| {
        let drops = !lost && to == "leo" && reader(envelope).kind == Kind::Open;
        lost |= drops;
        (!drops).then(|| envelope.clone())
    }));
    room.member("leo", Vec::new());
    assert_eq!(room.see("leo").phase, Phase::Waiting);
    room.pass(5_000);
    assert_eq!(room.hearers("leo", 960), ["ines"]);
}

/// What is sent to `name` of this kind is lost, `times`.
fn lose(room: &mut Room, name: &'static str, kind: Kind, times: usize) {
    let (reader, mut left) = (room.reader(), times);
    room.tamper = Some(Box::new(move |to, envelope| {
        let drops = left > 0 && to == name && reader(envelope).kind == kind;
        left -= usize::from(drops);
        (!drops).then(|| envelope.clone())
    }));
}

#[test]
fn who_is_in_a_dead_session_and_did_not_get_the_next_open_reads_the_boards_again() {
    let mut room = meeting(&[]);
    room.devices.clear();
    room.now.mono_ms += 60_000;
    room.member("leo", Vec::new());
    room.pass(20_000);
    lose(&mut room, "leo", Kind::Open, 1);
    room.board.clear();
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(20_000);
    assert_eq!(room.hearers("leo", 960), ["ines"]);
}

#[test]
fn who_joins_and_did_not_get_the_announces_reads_the_board_again() {
    let mut room = meeting(&[]);
    lose(&mut room, "leo", Kind::Announce, 1);
    room.member("leo", Vec::new());
    room.pass(4_000);
    room.pass(6_000);
    assert_eq!(room.hearers("leo", 960), ["ines"]);
}

#[test]
fn an_organizer_who_is_back_while_others_take_over_finds_their_session() {
    for away_ms in (0..40).map(|n| n * 150) {
        let mut room = meeting(&["mina", "leo"]);
        let session = room.see("mina").session_id;
        room.devices.remove("ines");
        room.pass(away_ms + 1);
        room.organizer(&[], Admission::AnyoneWithLink);
        room.pass(40_000);
        assert_eq!(room.see("mina").session_id, room.see("leo").session_id, "{away_ms}");
        assert_eq!(room.see("mina").session_id, room.see("ines").session_id, "{away_ms}");
        let hearers = room.hearers("ines", 96_000);
        assert_eq!(hearers, ["leo", "mina"], "{away_ms} {session:?}");
    }
}

#[test]
fn an_organizer_whose_board_is_lost_while_it_joins_again_opens_the_next() {
    let mut room = meeting(&["mina"]);
    let session = room.see("ines").session_id.unwrap();
    room.devices.remove("mina");
    room.disconnect("ines");
    room.pass(61_000);
    room.board.clear();
    // The relay holds a board, and it is not this one.
    room.devices.get_mut("ines").unwrap().online = true;
    room.input("ines", Input::Connected);
    room.input("ines", Input::Boards(1));
    room.input("ines", Input::BoardLost { session_id: session });
    room.run();
    room.pass(20_000);
    assert_eq!(room.see("ines").phase, Phase::Live);
    assert_ne!(room.see("ines").session_id, Some(session));
}

#[test]
fn an_organizer_who_waits_in_a_session_that_dies_opens_the_next() {
    let mut room = meeting(&["mina"]);
    let session = room.see("ines").session_id;
    room.devices.remove("ines");
    room.pass(12_000);
    assert!(room.see("mina").generator, "the control");
    // Mina lives, does not hear the organizer, and then is gone for good.
    room.tamper = Some(Box::new(|to, envelope| (to != "mina").then(|| envelope.clone())));
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(7_000);
    assert_eq!(room.see("ines").phase, Phase::Joining);
    room.devices.remove("mina");
    room.pass(10_000);
    assert_eq!(room.see("ines").phase, Phase::Joining, "somebody else may take over");
    room.pass(15_000);
    assert_eq!(room.see("ines").phase, Phase::Live);
    assert_ne!(room.see("ines").session_id, session);
}

/// From here on the relay shows those `inside` nothing but their session, and nobody else that one.
/// Gives how far the board went.
pub fn part(room: &mut Room, inside: &'static [&'static str]) -> usize {
    let session_id = room.see(inside[0]).session_id;
    room.tamper = Some(Box::new(move |to, envelope| {
        let passes = (Some(envelope.session_id) == session_id) == inside.contains(&to);
        passes.then(|| envelope.clone())
    }));
    room.board.len()
}

/// And everyone gets what was posted on the other side of where they `parted`.
pub fn heal(room: &mut Room, inside: &[&'static str], parted: usize) {
    room.tamper = None;
    let (of_inside, of_others) = room.board.split_at(parted);
    let (of_inside, of_others) = (of_inside.to_vec(), of_others.to_vec());
    let names: Vec<_> = room.devices.keys().copied().collect();
    for to in names {
        let letters = if inside.contains(&to) { &of_others } else { &of_inside };
        for (from, envelope) in letters {
            let poster = crate::room::poster(from);
            room.input(to, Input::Delivered { poster, envelope });
        }
    }
}

/// Those `inside` go on without Ines, who opens at a relay that knows nothing of it, with others.
/// Then they find each other. Gives the session of those inside.
pub fn open_beside(
    room: &mut Room,
    inside: &'static [&'static str],
    with: &'static [&'static str],
) -> Hash {
    let session_id = room.see(inside[0]).session_id.unwrap();
    let parted = part(room, inside);
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(10_000);
    for name in with {
        room.member(name, Vec::new());
        room.pass(5_000);
    }
    assert_eq!(room.hearers("ines", 9_600), with);
    heal(room, inside, parted);
    assert_eq!(room.see(inside[1]).session_id, Some(session_id), "the control");
    session_id
}

/// Mina and Leo go on without Ines, who opens beside them, with Jonas.
fn two_sessions_with_people_in_both() -> Room {
    let mut room = meeting(&["mina", "leo"]);
    room.devices.remove("ines");
    room.pass(30_000);
    assert_eq!(room.hearers("mina", 960), ["leo"]);
    open_beside(&mut room, &["mina", "leo"], &["jonas"]);
    room
}

#[test]
fn people_come_to_the_session_in_which_the_organizer_says_that_it_is() {
    let mut room = two_sessions_with_people_in_both();
    room.pass(40_000);
    assert_eq!(room.hearers("ines", 96_000), ["jonas", "leo", "mina"]);
}

#[test]
fn nobody_but_the_organizer_says_where_to_go() {
    let mut room = two_sessions_with_people_in_both();
    let reader = room.reader();
    room.tamper = Some(Box::new(move |_, envelope| {
        (reader(envelope).kind != Kind::Moved).then(|| envelope.clone())
    }));
    let session_id = room.see("leo").session_id;
    room.pass(40_000);
    assert_eq!(room.see("leo").session_id, session_id);
    assert_eq!(room.hearers("mina", 96_000), ["leo"], "an Open and life alone draw nobody away");
}

#[test]
fn an_organizer_who_was_dropped_and_finds_everybody_gone_opens_the_next() {
    let mut room = meeting(&["mina"]);
    let session = room.see("ines").session_id;
    room.disconnect("ines");
    room.pass(30_000);
    assert_eq!(room.see("mina").active.unwrap().members, 1, "the control");
    room.devices.remove("mina");
    room.connect("ines");
    room.pass(40_000);
    assert_eq!(room.see("ines").phase, Phase::Live);
    assert_ne!(room.see("ines").session_id, session);
}

#[test]
fn whoever_takes_over_at_a_relay_without_the_board_shows_it_there() {
    let mut room = meeting(&["mina", "leo"]);
    let session_id = room.session_id();
    // The two are moved to a relay that has heard nothing of the meeting. The organizer is not.
    room.devices.remove("ines");
    room.board.clear();
    for name in ["mina", "leo"] {
        room.disconnect(name);
        room.connect(name);
        room.input(name, Input::BoardLost { session_id });
        room.run();
    }
    room.pass(12_000);
    assert_eq!(room.hearers("mina", 960), ["leo"]);
    room.member("jonas", Vec::new());
    room.pass(3_000);
    assert_eq!(room.see("jonas").session_id, Some(session_id));
    assert_eq!(room.hearers("mina", 1_920), ["jonas", "leo"]);
}
