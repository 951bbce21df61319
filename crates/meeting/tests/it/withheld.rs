//! What a relay holds back or delays.

use std::cell::RefCell;
use std::rc::Rc;

use standfast_meeting::{Command, Input, Phase, Presence, Pulse};
use standfast_wire::control::Kind;
use standfast_wire::relay::Envelope;

use crate::hostile::{deaf_to_control, invited, invited_today};
use crate::life::meeting;
use crate::room::{Room, identity};

#[test]
fn an_arrival_that_was_held_back_makes_nobody_live() {
    let (mut room, prekeys) = invited_today();
    let held: Rc<RefCell<Vec<Envelope>>> = Rc::default();
    let queue = Rc::clone(&held);
    // The relay answers Mina nothing.
    room.tamper = Some(Box::new(move |to, envelope| {
        if to == "mina" && envelope.slot == 0 && queue.borrow().len() < 99 {
            queue.borrow_mut().push(envelope.clone());
        }
        (to != "mina").then(|| envelope.clone())
    }));
    let board = std::mem::take(&mut room.board);
    room.member("mina", prekeys);
    room.board = board.clone();
    for (_, envelope) in &board {
        room.inject("mina", envelope);
    }
    let session_id = room.session_id();
    room.input("mina", Input::CaughtUp { session_id });
    room.run();
    room.pass(11_000);
    assert_eq!(room.see("mina").phase, Phase::Joining);
    for envelope in held.take() {
        room.inject("mina", &envelope);
        assert_eq!(room.see("mina").phase, Phase::Joining);
    }
    let beat = room.board.iter().rev().find(|(_, e)| e.slot == 1).unwrap().1.clone();
    room.inject("mina", &beat);
    assert_eq!(room.see("mina").phase, Phase::Joining);
    // When the relay gives in, she comes in by a new request.
    room.tamper = None;
    room.disconnect("mina");
    room.connect("mina");
    room.pass(8_000);
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert_eq!(room.hearers("ines", 960), ["mina"]);
}

#[test]
fn an_arrival_that_one_member_did_not_get_is_read_again() {
    let (mut room, [minas, jonass]) = invited(["mina", "jonas"]);
    room.member("mina", minas);
    room.pass(1_000);
    let reader = room.reader();
    let mut lost = false;
    room.tamper = Some(Box::new(move |to, envelope| {
        let drops = !lost && to == "mina" && reader(envelope).kind == Kind::Arrival;
        lost |= drops;
        (!drops).then(|| envelope.clone())
    }));
    room.member("jonas", jonass);
    room.pass(1_000);
    assert_eq!(room.see("mina").active.unwrap().number, 1);
    assert_eq!(room.hearers("jonas", 960), ["ines"]);
    room.pass(6_000);
    assert_eq!(room.hearers("jonas", 9_600), ["ines", "mina"]);
    assert_eq!(room.see("mina").active.unwrap().number, 1, "by no new key");
}

#[test]
fn arrivals_of_an_epoch_that_is_over_are_not_missed_in_the_next() {
    let (mut room, prekeys) = invited_today();
    room.member("mina", prekeys);
    room.pass(1_000);
    assert_eq!(room.see("mina").active.unwrap().number, 1, "by an Arrival");
    room.command("ines", Command::RotateNow);
    room.pass(20_000);
    assert_eq!(room.see("mina").active.unwrap().number, room.see("ines").active.unwrap().number);
    assert_eq!(room.devices["mina"].reads, 0, "its line breaks each time");
}

#[test]
fn one_who_arrives_while_the_key_changes_comes_along() {
    let (mut room, prekeys) = invited_today();
    // The organizer lets a stranger in between Mina's request and her ack.
    let held: Rc<RefCell<Vec<Envelope>>> = Rc::default();
    let queue = Rc::clone(&held);
    room.tamper = Some(Box::new(move |to, envelope| {
        let ack = to == "ines" && envelope.slot == 2;
        if ack {
            queue.borrow_mut().push(envelope.clone());
        }
        (!ack).then(|| envelope.clone())
    }));
    room.member("leo", Vec::new());
    room.member("mina", prekeys);
    let request = room.see("ines").lobby[0].request;
    room.command("ines", Command::Admit(request));
    room.tamper = None;
    for envelope in held.take() {
        room.inject("ines", &envelope);
    }
    room.pass(3_000);
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert_eq!(room.see("ines").active.unwrap().number, 2, "one epoch for both");
    assert!(room.common_code(&["ines", "leo", "mina"]).is_some());
    assert_eq!(room.hearers("mina", 960), ["ines", "leo"]);
}

#[test]
fn withheld_wraps_are_asked_for() {
    let mut room = meeting(&["mina", "jonas"]);
    let lost: Rc<RefCell<usize>> = Rc::default();
    let count = Rc::clone(&lost);
    let announces = Rc::new(RefCell::new(0));
    room.tamper = Some(Box::new(move |to, envelope| {
        if to != "mina" || envelope.slot != 0 {
            return Some(envelope.clone());
        }
        // The announce passes, the two wraps behind it do not.
        *announces.borrow_mut() += 1;
        let lose = (2..=3).contains(&*announces.borrow());
        *count.borrow_mut() += usize::from(lose);
        (!lose).then(|| envelope.clone())
    }));
    room.command("ines", Command::RotateNow);
    assert_eq!(*lost.borrow(), 2);
    let coming = room.see("ines").coming.unwrap();
    assert_eq!(coming.confirmed, 2);
    room.pass(1_500);
    let ines = room.see("ines").active.unwrap();
    assert_eq!((ines.number, ines.confirmed, ines.members), (coming.number, 3, 3));
    assert_eq!(room.hearers("mina", 960), ["ines", "jonas"]);
    // And the member still heals with the next timer.
    room.tamper = None;
    room.pass(301_000);
    assert!(room.common_code(&["ines", "mina", "jonas"]).is_some());
}

#[test]
fn withheld_acks_delay_no_further_than_the_limit_and_are_not_counted() {
    let mut room = meeting(&["mina", "jonas"]);
    room.tamper = Some(Box::new(|to, envelope| {
        (to != "ines" || envelope.slot != 2).then(|| envelope.clone())
    }));
    room.command("ines", Command::RotateNow);
    let coming = room.see("ines").coming.unwrap();
    assert_eq!((coming.confirmed, coming.members), (1, 3));
    room.pass(1_900);
    assert!(room.see("ines").coming.is_some());
    room.pass(200);
    let active = room.see("ines").active.unwrap();
    assert_eq!((active.number, active.confirmed, active.members), (coming.number, 1, 3));
    let confirmed = |m: &standfast_meeting::Member| m.confirmed || m.me;
    assert!(!room.see("ines").members.iter().all(confirmed));
    assert!(room.see("ines").members.iter().any(|m| m.presence == Presence::Joining));
    assert_eq!(room.hearers("ines", 960), ["jonas", "mina"]);
}

#[test]
fn a_relay_that_drops_everything_is_noticed() {
    let mut room = meeting(&["mina"]);
    deaf_to_control(&mut room, "mina");
    let silent = |room: &mut Room, ts| {
        let before = room.sent.len();
        room.input("mina", Input::Voice { media_ts: ts, packet: b"speech" });
        room.run();
        room.sent.len() == before
    };
    room.pass(3_500);
    assert_eq!(room.see("mina").pulse, Pulse::Steady);
    room.pass(2_500);
    assert_eq!(room.see("mina").pulse, Pulse::Stale);
    assert!(!silent(&mut room, 1));
    room.pass(9_000);
    // She looks after a key of her own, and is shown that nobody else holds it.
    let mina = room.see("mina");
    assert!(mina.generator);
    assert_eq!(mina.members.len(), 1);
    assert_eq!(mina.taken_over_from.as_deref(), Some("ines"));
    // Meanwhile the key changes on the other side, too.
    room.command("ines", Command::RotateNow);
    room.pass(45_000);
    // The relay gives in: the organizer's branch wins, and hers ends in it.
    room.tamper = None;
    room.pass(20_000);
    let mina = room.see("mina");
    assert_eq!((mina.phase, mina.generator), (Phase::Live, false));
    assert!(mina.split.is_some_and(|split| split.until_ms.is_some()));
    assert!(room.common_code(&["ines", "mina"]).is_some());
    assert_eq!(room.hearers("mina", 4), ["ines"]);
}

#[test]
fn a_stretched_clock_cuts_the_microphone() {
    let mut room = meeting(&["mina"]);
    let held: Rc<RefCell<Vec<Envelope>>> = Rc::default();
    let queue = Rc::clone(&held);
    room.tamper = Some(Box::new(move |to, envelope| {
        if to == "mina" {
            queue.borrow_mut().push(envelope.clone());
        }
        (to != "mina").then(|| envelope.clone())
    }));
    // Of each 3 s the relay lets 2 s of heartbeats through: none is missing, all are late.
    let mut stages = Vec::new();
    for _ in 0..25 {
        room.pass(3_000);
        let next = held.borrow_mut().remove(0);
        room.inject("mina", &next);
        let pulse = room.see("mina").pulse;
        if stages.last() != Some(&pulse) {
            stages.push(pulse);
        }
        if pulse >= Pulse::Cut {
            assert!(!room.devices["mina"].meeting.microphone_open());
        }
    }
    assert_eq!(stages, [Pulse::Steady, Pulse::Stale, Pulse::Cut]);
}

#[test]
fn an_ack_that_the_board_does_not_have_any_more_is_asked_for() {
    let mut room = meeting(&["mina", "jonas"]);
    let (reader, jonas, mut asked) = (room.reader(), identity("jonas").fingerprint(), false);
    // Jonas's ack does not come to Mina, nor when she reads the board again.
    room.tamper = Some(Box::new(move |to, envelope| {
        let letter = reader(envelope);
        asked |= letter.kind == Kind::HeadAsk;
        let drops = to == "mina" && letter.kind == Kind::Ack && letter.from == jonas.0 && !asked;
        (!drops).then(|| envelope.clone())
    }));
    room.command("ines", Command::RotateNow);
    let number = room.see("ines").coming.or(room.see("ines").active).unwrap().number;
    room.pass(4_000);
    let mina = room.see("mina").active.unwrap();
    assert_eq!((mina.number, mina.confirmed, mina.members), (number, 2, 3));
    room.pass(8_000);
    let mina = room.see("mina").active.unwrap();
    assert_eq!((mina.number, mina.confirmed, mina.members), (number, 3, 3));
    assert_eq!(room.devices["mina"].reads, 1);
}
