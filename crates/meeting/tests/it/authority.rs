//! Hosts, orders, locks, removals, bots and new devices; takeover and handover.

use std::cell::Cell;
use std::rc::Rc;

use standfast_crypto::PairingCode;
use standfast_frame::ParsedFrame;
use standfast_meeting::{Admission, Command, LeftWhy, Part, Phase, Presence, Reason};

use standfast_wire::control::Kind;

use crate::life::meeting;
use crate::room::{Room, identity};

/// Ines organizes; Mina and Jonas are scheduled, so hosts; Leo was let in.
pub fn team() -> Room {
    let mut room = Room::new();
    room.organizer(&["mina", "jonas"], Admission::Lobby);
    room.pass(100);
    room.member("mina", Vec::new());
    room.pass(2_500);
    room.member("jonas", Vec::new());
    room.pass(2_500);
    room.member("leo", Vec::new());
    room.pass(2_500);
    let request = room.see("ines").lobby[0].request;
    room.command("ines", Command::Admit(request));
    room.pass(2_500);
    assert_eq!(room.hearers("leo", 1), ["ines", "jonas", "mina"]);
    room
}

fn fp(name: &str) -> standfast_crypto::Fingerprint {
    identity(name).fingerprint()
}

#[test]
fn a_host_who_is_not_the_generator_admits_from_the_lobby() {
    let mut room = team();
    room.member("noor", Vec::new());
    room.pass(1_000);
    assert_eq!(room.see("noor").phase, Phase::Lobby);
    let request = room.see("mina").lobby[0].request;
    room.command("leo", Command::Admit(request));
    room.pass(2_000);
    assert_eq!(room.see("noor").phase, Phase::Lobby, "Leo is no host");
    room.command("mina", Command::Admit(request));
    room.pass(2_500);
    assert_eq!(room.see("noor").phase, Phase::Live);
    assert_eq!(room.hearers("noor", 9), ["ines", "jonas", "leo", "mina"]);
}

#[test]
fn removed_stays_removed_until_the_organizer_readmits() {
    let mut room = team();
    room.command("leo", Command::Remove(fp("jonas")));
    room.pass(1_000);
    assert_eq!(room.see("jonas").phase, Phase::Live, "Leo is no host");
    room.command("mina", Command::Remove(fp("leo")));
    room.pass(1_000);
    assert_eq!(room.see("leo").phase, Phase::Left(LeftWhy::Removed));
    assert_eq!(room.see("ines").active.unwrap().reason, Reason::Removal);
    assert_eq!(room.hearers("mina", 2), ["ines", "jonas"]);
    room.member("leo", Vec::new());
    room.pass(8_000);
    assert_ne!(room.see("leo").phase, Phase::Live);
    assert_eq!(room.see("jonas").removed.len(), 1);
    room.command("mina", Command::Readmit(fp("leo")));
    room.pass(8_000);
    assert_ne!(room.see("leo").phase, Phase::Live, "only the organizer readmits");
    room.command("ines", Command::Readmit(fp("leo")));
    room.pass(70_000);
    assert_eq!(room.see("leo").phase, Phase::Live);
    assert_eq!(room.hearers("leo", 3), ["ines", "jonas", "mina"]);
}

#[test]
fn a_locked_meeting_takes_nobody_new_and_those_seen_again() {
    let mut room = team();
    room.command("jonas", Command::SetLocked(true));
    room.pass(2_500);
    assert!(room.see("leo").locked);
    room.member("noor", Vec::new());
    room.pass(3_000);
    assert_eq!(room.see("noor").phase, Phase::Locked);
    room.disconnect("leo");
    room.pass(20_000);
    room.connect("leo");
    room.pass(3_000);
    assert_eq!(room.see("leo").phase, Phase::Live, "already seen");
    room.command("leo", Command::SetLocked(false));
    room.pass(2_500);
    assert!(room.see("ines").locked, "Leo is no host");
    room.command("mina", Command::SetLocked(false));
    room.pass(2_500);
    assert!(!room.see("leo").locked);
}

#[test]
fn the_next_in_the_succession_takes_over_within_ten_seconds_and_gives_back() {
    let mut room = team();
    let epoch = room.see("mina").active.unwrap().number;
    room.disconnect("ines");
    room.pass(10_000);
    let mina = room.see("mina");
    assert!(mina.generator);
    assert_eq!(mina.taken_over_from.as_deref(), Some("ines"));
    assert!(mina.active.unwrap().number > epoch);
    assert_eq!(room.hearers("leo", 5), ["jonas", "mina"]);
    // A late joiner gets in although the organizer is gone.
    room.member("noor", Vec::new());
    room.pass(1_000);
    let request = room.see("mina").lobby[0].request;
    room.command("jonas", Command::Admit(request));
    room.pass(2_500);
    assert_eq!(room.see("noor").phase, Phase::Live);
    room.connect("ines");
    room.pass(8_000);
    assert!(room.see("ines").generator);
    assert_eq!(room.hearers("ines", 6), ["jonas", "leo", "mina", "noor"]);
    assert!(room.common_code(&["ines", "mina", "jonas", "leo", "noor"]).is_some());
}

#[test]
fn the_organizer_leaves_and_the_meeting_goes_on_at_once() {
    let mut room = team();
    room.command("ines", Command::Leave);
    room.pass(2_500);
    assert_eq!(room.see("ines").phase, Phase::Left(LeftWhy::Left));
    assert!(room.see("mina").generator);
    assert_eq!(room.hearers("jonas", 5), ["leo", "mina"]);
    // Mina may end it now, and it is deleted: the organizer handed that on.
    room.command("mina", Command::End);
    room.pass(2_000);
    assert_eq!(room.see("leo").phase, Phase::Left(LeftWhy::Ended));
    assert!(room.ended);
}

#[test]
fn a_bot_needs_its_owner_and_a_host_and_loses_the_key_off_the_record() {
    let mut room = team();
    room.add("minutes", Part::Bot { owner: fp("leo") }, Vec::new());
    room.pass(1_000);
    let request = room.see("mina").lobby[0].request;
    room.command("mina", Command::Admit(request));
    room.pass(2_500);
    assert_ne!(room.see("minutes").phase, Phase::Live, "its owner has not said so");
    room.command("leo", Command::Own(request));
    room.pass(200);
    room.command("mina", Command::Admit(request));
    room.pass(2_500);
    assert_eq!(room.see("minutes").phase, Phase::Live);
    assert!(room.hearers("ines", 5).contains(&"minutes"));
    room.command("leo", Command::OffRecord(fp("minutes")));
    room.pass(1_000);
    assert!(!room.hearers("ines", 6).contains(&"minutes"));
    let bot = |room: &Room| {
        room.see("jonas").members.into_iter().find(|m| m.name == "minutes").map(|m| m.presence)
    };
    assert_eq!(bot(&room), Some(Presence::Off));
    room.pass(30_000);
    assert_eq!(bot(&room), Some(Presence::Off), "it stays connected");
    room.command("mina", Command::OnRecord(fp("minutes")));
    room.pass(2_500);
    assert!(room.hearers("ines", 7).contains(&"minutes"));
    let told: Vec<_> = room.see("jonas").journal.into_iter().map(|r| (r.reason, r.who)).collect();
    for reason in [Reason::OffRecord, Reason::OnRecord] {
        assert!(told.contains(&(reason, vec!["minutes".to_owned()])), "{told:?}");
    }
    room.command("leo", Command::Leave);
    room.pass(2_500);
    assert_eq!(bot(&room), None, "it goes with its owner");
    assert!(!room.hearers("ines", 8).contains(&"minutes"));
}

#[test]
fn a_bot_passes_to_a_member_who_asked_for_it() {
    let mut room = team();
    room.add("minutes", Part::Bot { owner: fp("mina") }, Vec::new());
    room.pass(1_000);
    let request = room.see("mina").lobby[0].request;
    room.command("mina", Command::Admit(request));
    room.pass(2_500);
    assert_eq!(room.see("minutes").phase, Phase::Live);
    room.command("jonas", Command::TakeOverBot(fp("minutes")));
    room.pass(2_500);
    room.command("mina", Command::Leave);
    room.pass(2_500);
    let bot = room.see("ines").members.into_iter().find(|m| m.name == "minutes").unwrap();
    assert_eq!(bot.bot.unwrap().name, "jonas");
    assert!(room.hearers("ines", 7).contains(&"minutes"));
}

#[test]
fn a_new_device_takes_the_seat_of_the_one_that_vouches_for_it() {
    for old in ["jonas", "ines"] {
        let mut room = team();
        room.command(old, Command::OfferDevice);
        let code = room.see(old).device.unwrap().code;
        let part =
            |code: &str| Part::NewDevice { old: fp(old), code: PairingCode::parse(code).unwrap() };
        room.add("thief", part("0000-0000-0000-0000"), Vec::new());
        room.pass(1_000);
        assert!(room.see(old).device.unwrap().request.is_none());
        room.add("phone", part(&code), Vec::new());
        room.pass(1_000);
        let (request, shown) = room.see(old).device.unwrap().request.unwrap();
        assert_eq!(shown, fp("phone"));
        room.command(old, Command::Vouch(request));
        room.pass(4_000);
        assert_eq!(room.see(old).phase, Phase::Left(LeftWhy::Replaced), "{old}");
        assert_eq!(room.see("phone").phase, Phase::Live);
        assert_ne!(room.see("thief").phase, Phase::Live);
        let phone = room.see("mina").members.into_iter().find(|m| m.fp == fp("phone")).unwrap();
        assert_eq!(phone.replaces.as_ref().map(|r| r.name.as_str()), Some(old));
        assert!(room.hearers("phone", 7).contains(&"leo"));
    }
}

#[test]
fn whoever_is_cut_off_alone_comes_back_under_the_others() {
    let mut room = meeting(&["mina", "jonas"]);
    room.disconnect("ines");
    room.disconnect("jonas");
    room.pass(12_000);
    assert!(room.see("mina").generator);
    room.connect("jonas");
    room.pass(5_000);
    assert_eq!(room.hearers("mina", 2), ["jonas"]);
    room.connect("ines");
    room.pass(8_000);
    assert!(room.common_code(&["ines", "mina", "jonas"]).is_some());
    assert_eq!(room.hearers("ines", 3), ["jonas", "mina"]);
}

#[test]
fn a_generator_whom_a_host_removes_hands_the_key_on_and_goes() {
    let mut room = team();
    room.command("ines", Command::Leave);
    room.pass(2_500);
    assert!(room.see("mina").generator);
    room.command("jonas", Command::Remove(fp("mina")));
    room.pass(3_000);
    assert_eq!(room.see("mina").phase, Phase::Left(LeftWhy::Removed));
    assert!(room.see("jonas").generator);
    assert_eq!(room.hearers("jonas", 4), ["leo"]);
}

#[test]
fn nobody_new_comes_into_a_locked_meeting_and_its_key_goes_on_changing() {
    let mut room = team();
    room.member("noor", Vec::new());
    room.pass(1_000);
    let request = room.see("mina").lobby[0].request;
    // The two orders cross.
    room.input("ines", standfast_meeting::Input::Command(Command::SetLocked(true)));
    room.command("mina", Command::Admit(request));
    room.pass(2_500);
    assert_ne!(room.see("noor").phase, Phase::Live);
    let before = room.see("leo").active.unwrap().number;
    room.command("jonas", Command::RotateNow);
    room.pass(2_500);
    room.command("leo", Command::Leave);
    room.pass(2_500);
    let jonas = room.see("jonas");
    assert!(jonas.active.unwrap().number > before + 1, "a new key for each");
    assert!(jonas.members.iter().all(|m| m.name != "leo"), "who left does not hold it");
}

#[test]
fn a_late_tick_seals_nothing_under_a_key_whose_time_is_over() {
    let mut room = team();
    let read = room.reader();
    // Jonas gets nobody's ack, so he waits as long as he may.
    room.tamper = Some(Box::new(move |to, envelope| {
        let acks = to == "jonas" && read(envelope).kind == Kind::Ack;
        (!acks).then(|| envelope.clone())
    }));
    room.command("ines", Command::Remove(fp("leo")));
    let new = room.see("ines").active.unwrap().number;
    assert_eq!(room.see("jonas").coming.map(|e| e.number), Some(new));
    // His computer is busy: a packet comes before the tick that was due after 300 ms.
    room.now.mono_ms += 1_000;
    room.say("jonas", 7);
    let (_, frame) = room.sent.iter().rev().find(|(from, _)| *from == "jonas").unwrap();
    let kid = ParsedFrame::parse(frame).unwrap().kid();
    assert_eq!(u32::from(kid.epoch_mod_256()), new);
}

#[test]
fn an_admission_shown_again_admits_nobody_again() {
    let mut room = team();
    room.member("noor", Vec::new());
    room.pass(1_000);
    let request = room.see("mina").lobby[0].request;
    room.command("mina", Command::Admit(request));
    room.pass(2_500);
    room.command("noor", Command::Leave);
    room.devices.remove("noor");
    room.pass(2_500);
    let before = room.see("ines").active.unwrap().number;
    let read = room.reader();
    let admissions: Vec<_> = room.board.iter().map(|(_, e)| e.clone()).collect();
    for envelope in admissions.iter().filter(|e| read(e).kind == Kind::Order) {
        // The same words in another box: anyone with the link can do that.
        room.post(&room.rebox(envelope.session_id, envelope.slot, &room.unbox(envelope)));
    }
    room.pass(2_500);
    assert_eq!(room.see("ines").active.unwrap().number, before);
    assert!(room.see("jonas").members.iter().all(|m| m.name != "noor"));
}

#[test]
fn a_wish_for_a_new_key_shown_again_brings_none() {
    let mut room = team();
    room.command("mina", Command::RotateNow);
    room.command("jonas", Command::RotateNow);
    room.pass(2_500);
    let before = room.see("ines").active.unwrap().number;
    let read = room.reader();
    let board: Vec<_> = room.board.iter().map(|(_, e)| e.clone()).collect();
    for envelope in board.iter().filter(|e| read(e).kind == Kind::Order) {
        room.post(&room.rebox(envelope.session_id, envelope.slot, &room.unbox(envelope)));
        room.pass(500);
    }
    assert_eq!(room.see("ines").active.unwrap().number, before);
    room.command("mina", Command::RotateNow);
    room.pass(2_500);
    assert_eq!(room.see("ines").active.unwrap().number, before + 1);
}

#[test]
fn a_generator_that_is_back_shows_itself_before_anyone_takes_over() {
    let mut room = meeting(&["mina"]);
    let number = room.see("mina").active.unwrap().number;
    let (reader, asked) = (room.reader(), Rc::new(Cell::new(false)));
    let asks = Rc::clone(&asked);
    // Nobody hears the organizer, who does not know; its answer to the question is lost, too.
    room.tamper = Some(Box::new(move |to, envelope| {
        asks.set(asks.get() || (to == "ines" && reader(envelope).kind == Kind::HeadAsk));
        (to == "ines").then(|| envelope.clone())
    }));
    while !asked.get() {
        room.pass(20);
    }
    room.tamper = None;
    room.disconnect("ines");
    room.connect("ines");
    room.pass(3_000);
    assert!(room.see("ines").generator && !room.see("mina").generator);
    assert_eq!(room.see("mina").active.unwrap().number, number);
}
