//! Devices that were away: a break, a sleep, a crash, a second process.

use std::cell::RefCell;
use std::rc::Rc;

use standfast_meeting::{Admission, Command, Input, LeftWhy, Part, Phase};
use standfast_wire::codec::Text;
use standfast_wire::control::Kind;
use standfast_wire::relay::Envelope;

use crate::authority::team;
use crate::life::{meeting, meeting_in};
use crate::room::{Room, identity};

#[test]
fn of_two_processes_the_first_stops() {
    let mut room = meeting(&["mina"]);
    let part = Part::Member { prekeys: Vec::new() };
    room.add_process("mina again", "mina", part, Vec::new());
    room.pass(2_500);
    assert_eq!(room.see("mina").phase, Phase::Left(LeftWhy::Elsewhere));
    assert_eq!(room.see("mina again").phase, Phase::Live);
    assert_eq!(room.see("ines").members.len(), 2);
    room.pass(30_000);
    assert_eq!(room.see("mina again").phase, Phase::Live, "and nothing flaps");
    assert_eq!(room.hearers("ines", 960), ["mina again"]);
}

#[test]
fn a_second_process_of_the_generator_gets_no_key() {
    let mut room = meeting(&["mina"]);
    let part = Part::Member { prekeys: Vec::new() };
    room.add_process("ines again", "ines", part, Vec::new());
    room.pass(20_000);
    assert_ne!(room.see("ines again").phase, Phase::Live);
    assert_eq!(room.see("ines").phase, Phase::Live);
    assert_eq!(room.hearers("ines", 960), ["mina"]);
}

#[test]
fn a_name_changes_with_a_seat_and_not_before() {
    let mut room = meeting(&["mina"]);
    let mina = identity("mina");
    // Heard by Jonas' device only: the organizer has not let this join in.
    let (join, _) = room.ask(&mina, |join| {
        join.name = Text::new("Ines").unwrap();
        join.seen = None;
    });
    room.post(&join);
    for name in ["ines", "mina"] {
        let names: Vec<_> = room.see(name).members.into_iter().map(|m| m.name).collect();
        assert_eq!(names, ["ines", "mina"], "{name}");
    }
}

#[test]
fn an_order_that_lets_in_an_earlier_process_puts_out_no_later_one() {
    let mut room = team();
    room.member("noor", Vec::new());
    room.pass(1_000);
    let earlier = room.see("mina").lobby[0].request;
    let held: Rc<RefCell<Vec<Envelope>>> = Rc::default();
    let (queue, reader) = (Rc::clone(&held), room.reader());
    room.tamper = Some(Box::new(move |_, envelope| {
        let order = reader(envelope).kind == Kind::Order;
        if order {
            queue.borrow_mut().push(envelope.clone());
        }
        (!order).then(|| envelope.clone())
    }));
    room.command("mina", Command::Admit(earlier));
    room.devices.remove("noor");
    room.member("noor", Vec::new());
    room.pass(1_000);
    let later = room.see("ines").lobby[0].request;
    assert_ne!(earlier, later);
    room.command("ines", Command::Admit(later));
    room.pass(2_500);
    assert_eq!(room.see("noor").phase, Phase::Live);
    room.tamper = None;
    let order = held.borrow()[0].clone();
    room.inject("ines", &order);
    room.command("ines", Command::RotateNow);
    room.pass(2_500);
    assert_eq!(room.see("noor").phase, Phase::Live);
    assert_eq!(room.hearers("noor", 960), ["ines", "jonas", "leo", "mina"]);
}

#[test]
fn an_announce_lost_with_the_connection_is_repeated() {
    let mut room = meeting(&["mina", "jonas"]);
    // The line is dead already, and the organizer does not know it yet.
    room.devices.get_mut("ines").unwrap().online = false;
    room.command("ines", Command::RotateNow);
    room.pass(500);
    assert!(room.see("mina").coming.is_none());
    room.disconnect("ines");
    room.pass(500);
    room.connect("ines");
    room.pass(3_000);
    assert!(room.common_code(&["ines", "mina", "jonas"]).is_some());
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert_eq!(room.hearers("mina", 960), ["ines", "jonas"]);
}

#[test]
fn an_organizer_who_was_away_long_finds_the_meeting_and_takes_the_term_back() {
    let mut room = meeting(&["mina"]);
    let old = room.session_id();
    room.disconnect("ines");
    room.pass(70_000);
    let ines = room.see("ines");
    assert_eq!((ines.phase, ines.code), (Phase::Reconnecting, None));
    assert!(ines.journal.iter().all(|r| r.erased_ms.is_some()));
    room.connect("ines");
    room.pass(12_000);
    // Mina looked after the key meanwhile, and gives it back.
    assert_eq!(room.session_id(), old);
    assert!(room.see("ines").generator);
    assert_eq!(room.hearers("ines", 960), ["mina"]);
}

#[test]
fn who_waits_for_the_organizer_comes_in() {
    let mut room = meeting(&["mina"]);
    let prekeys = room.take_prekeys("mina");
    room.devices.clear();
    room.board.clear();
    room.now.mono_ms += 86_400_000;
    room.member("mina", prekeys);
    room.member("jonas", Vec::new());
    room.pass(60_000);
    assert_eq!(room.see("mina").phase, Phase::Waiting);
    room.organizer(&["mina", "jonas"], Admission::Lobby);
    room.pass(1_000);
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert_eq!(room.see("jonas").phase, Phase::Live);
    assert!(room.common_code(&["ines", "mina", "jonas"]).is_some());
    assert_eq!(room.hearers("jonas", 960), ["ines", "mina"]);
}

#[test]
fn an_organizer_who_crashed_comes_back_into_the_same_meeting() {
    let mut room = meeting(&["mina"]);
    let old = room.session_id();
    room.devices.remove("ines");
    room.pass(3_000);
    room.organizer(&["mina"], Admission::Lobby);
    room.pass(1_000);
    room.pass(20_000);
    assert_eq!(room.session_id(), old);
    assert!(room.see("ines").generator);
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert_eq!(room.hearers("ines", 960), ["mina"]);
}

#[test]
fn an_old_open_leads_nobody_astray_for_long() {
    let mut old = meeting(&[]);
    old.command("ines", Command::End);
    let open = old.board.iter().map(|(_, e)| e.clone()).collect::<Vec<_>>();
    let mut today = Room::new();
    today.now.mono_ms += 86_400_000;
    let mut room = meeting_in(today, &["mina"]);
    // Posted on a board of its own while the meeting runs: those inside stay.
    room.inject("mina", &open[0]);
    room.pass(3_000);
    assert_eq!(room.hearers("ines", 960), ["mina"]);
    // A newcomer reads the old board last, and without its End.
    room.member("jonas", Vec::new());
    room.disconnect("jonas");
    room.connect("jonas");
    let read = room.reader();
    for envelope in open.iter().filter(|e| read(e).kind != Kind::End) {
        room.inject("jonas", envelope);
    }
    room.pass(30_000);
    assert_eq!(room.see("jonas").phase, Phase::Live);
    assert_eq!(room.hearers("ines", 1_920), ["jonas", "mina"]);
}

#[test]
fn a_short_break_costs_no_epoch() {
    let mut room = meeting(&["mina", "jonas"]);
    room.command("mina", Command::SetMuted(true));
    room.pass(4_000);
    let epoch = room.see("ines").active.unwrap().number;
    let gone = crate::room::poster("mina");
    room.disconnect("mina");
    room.input("ines", Input::PeerGone { poster: gone });
    room.pass(1_500);
    room.connect("mina");
    room.pass(10_000);
    assert_eq!(room.see("ines").active.unwrap().number, epoch);
    assert_eq!(room.see("mina").phase, Phase::Live);
}

#[test]
fn whoever_slept_joins_again() {
    let mut room = meeting(&["mina"]);
    let epoch = room.see("ines").active.unwrap().number;
    // Asleep for 10 s: its clock went on, and on waking the line is made anew at once.
    room.devices.get_mut("mina").unwrap().online = false;
    let asleep = room.devices.remove("mina").unwrap();
    room.pass(10_000);
    room.devices.insert("mina", asleep);
    room.input("mina", Input::Disconnected);
    room.connect("mina");
    room.pass(3_000);
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert!(room.see("ines").active.unwrap().number > epoch, "a new seat in a new epoch");
}
