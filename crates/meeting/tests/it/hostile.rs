//! What the relay and everyone with the link can try.

use std::collections::BTreeSet;

use standfast_meeting::{Admission, Command, Input, Microphone, Phase, Reason};
use standfast_wire::codec::from_bytes;
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
pub fn invited<const N: usize>(
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

pub fn refused(room: &mut Room, envelope: &Envelope) {
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
pub fn deaf_to_control(room: &mut Room, name: &'static str) {
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
