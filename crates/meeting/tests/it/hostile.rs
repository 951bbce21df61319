//! What the relay and everyone with the link can try.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use standfast_meeting::{
    Admission, Command, Input, LeftWhy, Microphone, Part, Phase, Presence, Pulse, Reason,
};
use standfast_wire::codec::{Text, from_bytes};
use standfast_wire::control::{
    Arrival, Arrived, End, Heartbeat, KeepOut, KeyAck, KeyRequest, KeyWrap, Kind, Leave, Sealed,
};
use standfast_wire::relay::Envelope;

use crate::life::{meeting, meeting_in};
use crate::mallory::{flip_body, letter_hash};
use crate::room::{Room, identity};

const KINDS: [Kind; 11] = [
    Kind::Open,
    Kind::Join,
    Kind::Announce,
    Kind::Wrap,
    Kind::Ack,
    Kind::Arrival,
    Kind::Heartbeat,
    Kind::KeyRequest,
    Kind::Leave,
    Kind::End,
    Kind::KeepOut,
];

/// Yesterday Mina got a bundle; today she and Jonas are scheduled and nobody has arrived.
pub fn invited_today() -> (Room, Vec<standfast_crypto::PrivateBundle>) {
    let (room, [prekeys]) = invited(["mina"]);
    (room, prekeys)
}

/// Who was there yesterday, with the prekeys for today.
fn invited<const N: usize>(
    names: [&'static str; N],
) -> (Room, [Vec<standfast_crypto::PrivateBundle>; N]) {
    let mut room = meeting(&names);
    let prekeys = names.map(|name| room.take_prekeys(name));
    room.command("ines", Command::End);
    room.board.clear();
    room.devices.clear();
    room.now.mono_ms += 86_400_000;
    room.organizer(&["mina", "jonas"], Admission::Lobby);
    room.pass(100);
    (room, prekeys)
}

pub fn copies(bundles: &[standfast_crypto::PrivateBundle]) -> Vec<standfast_crypto::PrivateBundle> {
    bundles.iter().map(|b| standfast_crypto::PrivateBundle::from_secret(&b.to_secret())).collect()
}

#[test]
fn yesterdays_session_replayed_makes_nobody_live() {
    let (mut room, prekeys) = invited_today();
    let kept = copies(&prekeys);
    room.member("mina", prekeys);
    room.pass(2_500);
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert_eq!(room.hearers("ines", 960), ["mina"]);
    room.command("ines", Command::RotateNow);
    room.pass(5_000);
    room.say("ines", 1_920);
    let (board, frames) = (std::mem::take(&mut room.board), std::mem::take(&mut room.sent));

    // The next day the relay shows all of it or as much as it likes, but not that it ended, to a
    // Mina whose keychain even was restored from a backup.
    for shown in 1..=board.len() {
        for prekeys in [Vec::new(), copies(&kept)] {
            room.devices.clear();
            room.now.mono_ms += 86_400_000;
            room.board = board[..shown].to_vec();
            room.member("mina", prekeys);
            room.board.truncate(shown);
            for (_, envelope) in &board[..shown] {
                room.inject("mina", envelope);
            }
            for _ in 0..8 {
                for (_, frame) in &frames {
                    room.input("mina", Input::Media(frame));
                }
                room.say("mina", 7);
                room.pass(1_000);
                assert_ne!(room.see("mina").phase, Phase::Live);
                assert_eq!(room.see("mina").microphone, Microphone::ClosedNotLive);
            }
            assert!(room.devices["mina"].heard.is_empty());
            assert!(room.sent.is_empty());
        }
    }
}

#[test]
fn no_flipped_bit_passes_in_any_letter() {
    // A board with every kind on it.
    let (mut room, prekeys) = invited_today();
    room.member("mina", prekeys);
    room.pass(2_500);
    room.member("leo", Vec::new());
    room.member("sana", Vec::new());
    room.pass(100);
    let lobby = room.see("ines").lobby;
    room.command("ines", Command::KeepOut(lobby[0].request));
    let read = room.reader();
    // The next one's wraps are lost: it asks for the key.
    room.tamper = Some(Box::new(move |_, envelope| {
        (read(envelope).kind != Kind::Wrap).then(|| envelope.clone())
    }));
    room.command("ines", Command::Admit(lobby[1].request));
    room.pass(1_100);
    room.tamper = None;
    room.pass(4_000);
    room.command("mina", Command::Leave);
    room.pass(2_000);
    let board = room.board.clone();
    let last = ["leo", "sana"].into_iter().find(|n| room.see(n).phase == Phase::Live).unwrap();

    let mut kinds = BTreeSet::new();
    for (i, (_, envelope)) in board.iter().enumerate() {
        let sealed = room.unbox(envelope);
        kinds.insert(sealed.kind as u8);
        if sealed.kind == Kind::Wrap {
            continue; // unsigned: its own seal is tested in the crypto room
        }
        let mut forged = Vec::new();
        for bit in (i % 13..sealed.body.as_slice().len() * 8).step_by(97) {
            forged.push(flip_body(&sealed, bit));
        }
        let mut sig = sealed.sig.unwrap();
        sig[i % 64] ^= 1;
        forged.push(Sealed { sig: Some(sig), ..sealed.clone() });
        forged.push(Sealed { sig: None, ..sealed.clone() });
        forged.push(Sealed { from: identity("mallory").fingerprint().0, ..sealed.clone() });
        for kind in KINDS.into_iter().filter(|k| *k != sealed.kind && *k != Kind::Wrap) {
            forged.push(Sealed { kind, ..sealed.clone() });
        }
        for forged in forged {
            let envelope = room.rebox(envelope.session_id, envelope.slot, &forged);
            for name in ["ines", last] {
                let before = (room.shows(name), room.refusals(name));
                room.inject(name, &envelope);
                assert_eq!(room.shows(name), before.0, "{:?} as {:?}", sealed.kind, forged.kind);
                // Nothing that a live follower looks at.
                let idle = matches!(forged.kind, Kind::KeyRequest);
                let unread = name == last && idle;
                assert!(room.refusals(name) > before.1 || unread, "{:?}", forged.kind);
            }
        }
        // And outside the box: no bit of the envelope can change.
        for bit in (i % 7..envelope.sealed.as_slice().len() * 8).step_by(211) {
            let mut bytes = envelope.sealed.as_slice().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let sealed = standfast_wire::codec::Blob::new(bytes).unwrap();
            refused(&mut room, &Envelope { sealed, ..envelope.clone() });
        }
        refused(&mut room, &Envelope { slot: envelope.slot ^ 1, ..envelope.clone() });
        refused(&mut room, &Envelope { to: Some([1; 32]), ..envelope.clone() });
        refused(&mut room, &Envelope { v: 2, ..envelope.clone() });
    }
    let all = [Kind::Open, Kind::Join, Kind::Announce, Kind::Wrap, Kind::Ack, Kind::Arrival];
    let more = [Kind::Heartbeat, Kind::Leave, Kind::KeepOut, Kind::KeyRequest];
    for kind in all.into_iter().chain(more) {
        assert!(kinds.contains(&(kind as u8)), "{kind:?} was never on the board");
    }
}

fn refused(room: &mut Room, envelope: &Envelope) {
    let before = (room.shows("ines"), room.see("ines").counters);
    room.inject("ines", envelope);
    assert_eq!(room.shows("ines"), before.0);
    let now = room.see("ines").counters;
    let more = |a: u64, b: u64| a == b + 1;
    assert!(
        more(now.not_authentic, before.1.not_authentic)
            || more(now.unsupported, before.1.unsupported)
    );
}

#[test]
fn letters_of_another_session_count_in_none() {
    let mut old = meeting(&["mina"]);
    old.command("mina", Command::Leave);
    old.command("ines", Command::End);
    let mut tomorrow = Room::new();
    tomorrow.now.mono_ms += 86_400_000;
    let mut room = meeting_in(tomorrow, &["mina"]);
    // Ids of the same length, the same people, the same link.
    assert_ne!(old.session_id(), room.session_id());
    for (_, envelope) in &old.board {
        let sealed = old.unbox(envelope);
        let moved = room.rebox(room.session_id(), envelope.slot, &sealed);
        for name in ["ines", "mina"] {
            let before = room.shows(name);
            room.inject(name, envelope);
            if sealed.kind != Kind::Wrap {
                room.inject(name, &moved);
            }
            assert_eq!(room.shows(name), before, "{:?}", sealed.kind);
        }
    }
    assert_eq!(room.hearers("mina", 960), ["ines"]);
}

/// Everything that somebody with the link, but not on the roster, can say.
fn forgeries(room: &mut Room) -> Vec<Envelope> {
    let mallory = identity("mallory");
    let at_h = room.newest_hash(Kind::Announce);
    let named = vec![Arrived { idx: 1, join_h: room.newest_hash(Kind::Join) }];
    let last_beat: Heartbeat =
        from_bytes(room.letters(Kind::Heartbeat).last().unwrap().body.as_slice()).unwrap();
    let announce: standfast_wire::control::EpochAnnounce =
        from_bytes(room.letters(Kind::Announce).last().unwrap().body.as_slice()).unwrap();
    let next = standfast_wire::control::EpochAnnounce {
        epoch: announce.epoch + 1,
        prev_h: at_h,
        reason: Reason::Manual,
        ..announce
    };
    let join_h = room.newest_hash(Kind::Join);
    let (join, _) = room.ask(&mallory, |_| {});
    let bundle: standfast_wire::control::JoinRequest =
        from_bytes(room.unbox(&join).body.as_slice()).unwrap();
    let arrival = Arrival { h_e: at_h, named: standfast_wire::codec::List::new(named).unwrap() };
    let ack = KeyAck { h_e: at_h, liveness_nonce: [3; 16], bundle: None };
    let beat = Heartbeat { age_ms: last_beat.age_ms + 60_000, ..last_beat };
    let own = [
        room.letter(&mallory, Kind::Announce, &next),
        room.letter(&mallory, Kind::Ack, &ack),
        room.letter(&mallory, Kind::Leave, &Leave { join_h, msk_private: [1; 32] }),
        room.letter(&mallory, Kind::End, &End { at_h }),
        room.letter(&mallory, Kind::Arrival, &arrival),
        room.letter(&mallory, Kind::Heartbeat, &beat),
        room.letter(&mallory, Kind::KeepOut, &KeepOut { join_h: room.newest_hash(Kind::Join) }),
        room.letter(
            &mallory,
            Kind::KeyRequest,
            &KeyRequest { h_e: at_h, bundle: bundle.bundle.clone() },
        ),
    ];
    let mut all = Vec::new();
    for mut sealed in own {
        sealed.mac = Some([7; 32]);
        for from in ["mallory", "ines", "mina"] {
            let from = identity(from).fingerprint().0;
            all.push(room.rebox(room.session_id(), 0, &Sealed { from, ..sealed.clone() }));
        }
    }
    for to in ["ines", "mina"] {
        let to = identity(to).fingerprint().0;
        let wrap = KeyWrap { h_e: at_h, to, bundle_id: [1; 16], n: 0, kem_ct: None, ct: [9; 48] };
        let body =
            standfast_wire::codec::Blob::new(standfast_wire::codec::to_bytes(&wrap)).unwrap();
        let from = identity("ines").fingerprint().0;
        let sealed = Sealed { kind: Kind::Wrap, from, body, sig: None, mac: None };
        all.push(room.rebox(room.session_id(), 0, &sealed));
    }
    all
}

#[test]
fn a_stranger_with_the_link_changes_nothing() {
    let mut room = Room::new();
    room.organizer(&[], Admission::Lobby);
    room.pass(1_100);
    for name in ["mina", "jonas"] {
        room.member(name, Vec::new());
        let request = room.see("ines").lobby[0].request;
        room.command("ines", Command::Admit(request));
        room.pass(2_500);
    }
    let names = ["ines", "mina", "jonas"];
    for knocked in [false, true] {
        if knocked {
            // From here on the stranger's identity is known to all: it has knocked.
            let (join, _) = room.ask(&identity("mallory"), |_| {});
            room.post(&join);
            assert_eq!(room.see("ines").lobby.len(), 1, "{:?}", room.see("ines").counters);
        }
        for envelope in forgeries(&mut room) {
            let before = names.map(|n| room.shows(n));
            room.post(&envelope);
            let after = names.map(|n| room.shows(n));
            assert_eq!(before, after, "{:?}", room.unbox(&envelope).kind);
        }
    }
    // Knocking and going away again, ten times: nobody's key is renewed for it.
    let epoch = room.see("ines").active.unwrap().number;
    for _ in 0..10 {
        let mallory = identity("mallory");
        let (join, join_h) = room.ask(&mallory, |_| {});
        room.post(&join);
        let leave = Leave { join_h, msk_private: [1; 32] };
        room.post(&room.forge(&mallory, Kind::Leave, &leave));
        assert!(room.see("ines").lobby.is_empty(), "who goes away is not in the lobby");
        room.pass(1_000);
    }
    assert_eq!(room.see("ines").active.unwrap().number, epoch);
    assert_eq!(room.hearers("ines", 960), ["jonas", "mina"]);
}

#[test]
fn letters_posted_again_change_nothing() {
    let mut room = meeting(&["mina", "jonas"]);
    room.command("ines", Command::RotateNow);
    room.pass(2_500);
    let names = ["ines", "mina", "jonas"];
    let epoch = room.see("ines").active.unwrap().number;
    for (_, envelope) in room.board.clone() {
        let again = room.rebox(envelope.session_id, envelope.slot, &room.unbox(&envelope));
        let before = names.map(|n| room.shows(n));
        for name in names {
            room.inject(name, &envelope);
            room.inject(name, &again);
        }
        assert_eq!(names.map(|n| room.shows(n)), before, "{:?}", room.unbox(&envelope).kind);
    }
    assert_eq!(room.see("ines").active.unwrap().number, epoch);
    room.command("ines", Command::RotateNow);
    room.pass(100);
    assert!(room.common_code(&names).is_some());
    assert_eq!(room.see("ines").active.unwrap().confirmed, 3);
}

#[test]
fn an_ack_posted_again_keeps_nobody_alive() {
    let mut room = meeting(&["mina", "jonas"]);
    room.disconnect("jonas");
    let acks: Vec<_> = room
        .board
        .iter()
        .filter(|(from, e)| *from == "jonas" && room.unbox(e).kind == Kind::Ack)
        .map(|(_, e)| e.clone())
        .collect();
    for _ in 0..20 {
        room.pass(1_000);
        acks.iter().for_each(|ack| room.inject("ines", ack));
    }
    assert_eq!(room.see("ines").members.len(), 2);
    assert_eq!(room.see("ines").active.unwrap().reason, Reason::Drop);
}

#[test]
fn a_forged_wrap_costs_nobody_the_invitation() {
    let (mut room, prekeys) = invited_today();
    let id = prekeys[0].id();
    let real = room.letters(Kind::Wrap);
    let wrap: KeyWrap = from_bytes(real[0].body.as_slice()).unwrap();
    let forged = KeyWrap { ct: [1; 48], ..wrap };
    let body = standfast_wire::codec::Blob::new(standfast_wire::codec::to_bytes(&forged)).unwrap();
    let sealed = Sealed { body, ..real[0].clone() };
    let envelope = room.rebox(room.session_id(), 0, &sealed);
    let at = room.board.iter().position(|(_, e)| room.unbox(e).kind == Kind::Wrap).unwrap();
    room.board.insert(at, ("mallory", envelope.clone()));
    room.board.push(("mallory", envelope));
    room.member("mina", prekeys);
    room.pass(100);
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert_eq!(room.see("mina").active.unwrap().number, 1);
    assert_eq!(room.devices["mina"].erased, [id]);
}

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
fn no_unsigned_ack_is_counted() {
    let mut room = meeting(&["mina", "jonas"]);
    room.tamper = Some(Box::new(|to, envelope| {
        (to != "ines" || envelope.slot != 2).then(|| envelope.clone())
    }));
    room.command("ines", Command::RotateNow);
    room.tamper = None;
    let h_e = room.newest_hash(Kind::Announce);
    let ack = KeyAck { h_e, liveness_nonce: [3; 16], bundle: None };
    let (mina, mallory) = (identity("mina"), identity("mallory"));
    let real = room.letters(Kind::Ack);
    let of = |sealed: &Sealed, who: &str| sealed.from == identity(who).fingerprint().0;
    let minas = real.iter().rev().find(|s| of(s, "mina")).unwrap().clone();
    let mut forged = vec![
        // Signed and without the key: Mina's identity alone does not hold the epoch.
        room.letter(&mina, Kind::Ack, &ack),
        // With the key and unsigned.
        Sealed { sig: None, ..minas.clone() },
        // Somebody else's signature under her MAC.
        Sealed { mac: minas.mac, ..room.letter(&mallory, Kind::Ack, &ack) },
        // Her MAC with another nonce.
        Sealed { sig: minas.sig, ..room.letter(&mina, Kind::Ack, &ack) },
        // As if from Jonas.
        Sealed { from: identity("jonas").fingerprint().0, ..minas.clone() },
    ];
    forged[0].mac = Some([9; 32]);
    // Acks of epochs before.
    forged.extend(real.iter().rev().filter(|s| of(s, "mina")).skip(1).cloned());
    for sealed in forged {
        room.inject("ines", &room.rebox(room.session_id(), 2, &sealed));
        assert_eq!(room.see("ines").coming.unwrap().confirmed, 1);
    }
    room.inject("ines", &room.rebox(room.session_id(), 2, &minas));
    assert_eq!(room.see("ines").coming.unwrap().confirmed, 2);
}

#[test]
fn frames_count_once_from_one_sender_in_one_epoch() {
    let mut room = meeting(&["mina", "jonas"]);
    room.say("mina", 960);
    let (_, frame) = room.sent.last().unwrap().clone();
    let heard = |room: &Room| ["ines", "mina", "jonas"].map(|n| room.devices[n].heard.len());
    let before = heard(&room);
    let mut tries = vec![frame.clone()];
    for bit in 0..frame.len() * 8 {
        let mut flipped = frame.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        tries.push(flipped);
    }
    // Every sender, stream and epoch that the key id can name.
    for idx in 0..4u32 {
        for epoch in 0..8u32 {
            for stream in 0..4u32 {
                let kid = 1 << 31 | stream << 28 | idx << 18 | epoch << 10;
                let mut moved = frame.clone();
                moved[1..5].copy_from_slice(&kid.to_be_bytes());
                tries.push(moved);
            }
        }
    }
    for frame in &tries {
        for name in ["ines", "mina", "jonas"] {
            room.input(name, Input::Media(frame));
        }
        room.run();
    }
    assert_eq!(heard(&room), before, "replayed, reflected, moved or flipped");
    // In the next epoch the same frame is nobody's any more.
    room.command("ines", Command::RotateNow);
    room.pass(10_000);
    for name in ["ines", "mina", "jonas"] {
        room.input(name, Input::Media(&frame));
    }
    assert_eq!(heard(&room), before);
    assert_eq!(room.hearers("mina", 1_920), ["ines", "jonas"]);
}

#[test]
fn a_late_joiner_opens_nothing_from_before() {
    let mut room = meeting(&["mina"]);
    for ts in 0..100 {
        room.say("mina", ts * 960);
        room.pass(20);
    }
    let before = room.sent.clone();
    room.member("jonas", Vec::new());
    room.pass(200);
    for _ in 0..3 {
        for (_, frame) in &before {
            room.input("jonas", Input::Media(frame));
        }
        room.pass(300);
    }
    assert_eq!(room.see("jonas").phase, Phase::Live);
    assert!(room.devices["jonas"].heard.is_empty());
}

/// Jonas' device, kept as it was: the relay passes him sound and nothing else.
fn deaf_to_control(room: &mut Room, name: &'static str) {
    room.tamper = Some(Box::new(move |to, envelope| (to != name).then(|| envelope.clone())));
}

#[test]
fn a_leaver_opens_nothing_that_is_sealed_after() {
    let mut room = meeting(&["mina", "jonas"]);
    deaf_to_control(&mut room, "jonas");
    let jonas = identity("jonas");
    let joins = room.letters(Kind::Join);
    let own = joins.iter().rev().find(|s| s.from == jonas.fingerprint().0).unwrap();
    let leave = Leave { join_h: letter_hash("SF1/join", own), msk_private: [1; 32] };
    let goodbye = room.forge(&jonas, Kind::Leave, &leave);
    let last = room.see("jonas").active.unwrap().number;
    room.post(&goodbye);
    let jonas_shown = |room: &Room| room.see("mina").members.iter().any(|m| m.name == "jonas");
    for step in 0..400 {
        let ts = 960 * (step + 1);
        let hearers = room.hearers("mina", ts);
        let active = room.see("mina").active.unwrap();
        assert_eq!(hearers.contains(&"jonas"), active.number == last, "step {step}");
        if hearers.contains(&"jonas") {
            assert!(step * 10 <= 1_000, "no longer than max_ms");
            assert!(jonas_shown(&room), "whoever hears is shown");
        }
        room.pass(10);
    }
    assert!(!jonas_shown(&room));
    assert_eq!(room.see("jonas").active.unwrap().number, last, "kept as it was");
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
