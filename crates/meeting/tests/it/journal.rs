//! What the devices write down, and what they keep as evidence.

use std::cell::RefCell;
use std::rc::Rc;

use standfast_frame::Payload;
use standfast_meeting::{
    Admission, Cause, Command, Event, Exhibit, Input, JournalFault, Out, SignedJournal,
};
use standfast_wire::control::{End, Kind};
use standfast_wire::relay::Envelope;

use crate::life::meeting;
use crate::room::{Room, identity};

fn journal(room: &mut Room, name: &str) -> SignedJournal {
    let journal = room.devices.get_mut(name).unwrap().meeting.signed_journal();
    assert_eq!(journal.verify(), Ok(identity(name).fingerprint()), "{name}");
    assert_eq!(journal.records(), room.see(name).journal, "{name}");
    journal
}

/// The names of the events, those of one kind that follow each other once. Late copies of what
/// came already are refused in every meeting; they are left out.
fn told(journal: &SignedJournal) -> String {
    let entries = journal.entries.as_slice().iter();
    let mut names: Vec<String> = entries
        .map(|entry| match &entry.event {
            Event::EpochAnnounced { epoch, reason, .. } => format!("{epoch}:{reason:?}"),
            event => {
                let name = format!("{event:?}");
                name.split([' ', '{']).next().unwrap().to_owned()
            }
        })
        .collect();
    names.retain(|name| name != "Refused");
    names.dedup();
    names.join(" ")
}

#[test]
fn every_device_tells_the_meeting_from_its_side() {
    let mut room = Room::new();
    room.organizer(&[], Admission::Lobby);
    room.pass(1_100);
    room.member("mina", Vec::new());
    room.member("leo", Vec::new());
    room.pass(500);
    let lobby = room.see("ines").lobby;
    let request = |name| lobby.iter().find(|k| k.name == name).unwrap().request;
    room.command("ines", Command::Admit(request("mina")));
    room.command("ines", Command::KeepOut(request("leo")));
    room.pass(8_000);
    room.command("ines", Command::RotateNow);
    room.pass(500);
    room.command("ines", Command::End);
    room.pass(1_500);

    let ines = journal(&mut room, "ines");
    assert_eq!(
        told(&ines),
        "Line SessionOpened JoinAsked 1:Open Acked AllConfirmed InUse JoinAsked Waits JoinAsked \
         Waits Admitted 2:Join Acked AllConfirmed InUse Retired KeptOut Erased 3:Manual Acked \
         AllConfirmed InUse Retired AllErased Over"
    );
    let mina = journal(&mut room, "mina");
    assert_eq!(
        told(&mina),
        "Line SessionFound JoinAsked Admitted 2:Join Acked AllConfirmed InUse 3:Manual Acked \
         AllConfirmed InUse Retired AllErased Over"
    );
    let leo = journal(&mut room, "leo");
    assert_eq!(leo.entries.as_slice().last().unwrap().event, Event::Over { why: Out::KeptOut });
    // Whoever compares two journals sees the same announces.
    let hashes = |journal: &SignedJournal| -> Vec<[u8; 32]> {
        let entries = journal.entries.as_slice().iter();
        entries
            .filter_map(|entry| match entry.event {
                Event::EpochAnnounced { epoch: 2.., h, .. } => Some(h),
                _ => None,
            })
            .collect()
    };
    assert_eq!(hashes(&ines), hashes(&mina));
    assert_eq!(hashes(&ines).len(), 2);
}

#[test]
fn a_stranger_with_the_link_fills_no_journal() {
    let mut room = meeting(&["mina"]);
    let before = journal(&mut room, "mina").head.entries;
    // Old letters again, and boxes of nothing: thousands within a minute.
    let board: Vec<_> = room.board.iter().map(|(_, envelope)| envelope.clone()).collect();
    for round in 0..40u8 {
        for envelope in &board {
            room.inject("mina", envelope);
            let mut nothing = envelope.clone();
            nothing.session_id = room.session_id();
            nothing.slot = round.wrapping_add(100);
            room.inject("mina", &nothing);
        }
        room.pass(100);
    }
    let refused = room.refusals("mina");
    assert!(refused > 500, "{refused}");
    let after = journal(&mut room, "mina");
    assert!(after.head.entries < before + 20, "{} entries", after.head.entries - before);
    let counted: u64 = after
        .entries
        .as_slice()
        .iter()
        .filter_map(|entry| match entry.event {
            Event::Refused { count, .. } => Some(count),
            _ => None,
        })
        .sum();
    assert_eq!(counted, refused);
}

/// Signs of life, splits and merges of one device, in order.
fn life(journal: &SignedJournal) -> Vec<String> {
    let entries = journal.entries.as_slice().iter();
    entries
        .filter_map(|entry| match entry.event {
            Event::Pulse { now } => Some(format!("{now:?}")),
            Event::SplitSeen { .. } => Some("SplitSeen".into()),
            Event::Merged { .. } => Some("Merged".into()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_relay_that_is_silent_and_comes_back_is_written_down() {
    let mut room = meeting(&["mina"]);
    room.tamper = Some(Box::new(|to, envelope| (to != "mina").then(|| envelope.clone())));
    room.pass(70_000);
    room.tamper = None;
    room.pass(20_000);
    // Stale until she looked after a key of her own; then the organizer's branch came back.
    let mina = life(&journal(&mut room, "mina"));
    assert_eq!(mina, ["Stale", "SplitSeen", "Merged", "Steady"]);
}

#[test]
fn a_relay_that_is_ever_later_is_written_down() {
    let mut room = meeting(&["mina"]);
    let held: Rc<RefCell<Vec<Envelope>>> = Rc::default();
    let queue = Rc::clone(&held);
    room.tamper = Some(Box::new(move |to, envelope| {
        if to == "mina" {
            queue.borrow_mut().push(envelope.clone());
        }
        (to != "mina").then(|| envelope.clone())
    }));
    // Of each 3 s she gets 2 s of heartbeats: none is missing, all are late.
    for _ in 0..70 {
        room.pass(3_000);
        let next = held.borrow_mut().remove(0);
        room.inject("mina", &next);
    }
    let mina = life(&journal(&mut room, "mina"));
    assert_eq!(mina, ["Stale", "Cut", "Forgotten"]);
}

/// Yesterday's board and today's lie at the relay side by side.
#[test]
fn a_session_shown_again_is_kept_with_its_signature() {
    let mut room = meeting(&["mina"]);
    room.command("ines", Command::RotateNow);
    room.pass(3_000);
    let yesterday = std::mem::take(&mut room.board);
    let old = yesterday[0].1.session_id;
    room.devices.clear();
    room.now.mono_ms += 86_400_000;
    room.now.wall_ms += 86_400_000;
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(1_100);
    // A relay that shows the old one before the new one.
    let today = std::mem::take(&mut room.board);
    room.board = yesterday.into_iter().chain(today).collect();
    room.member("mina", Vec::new());
    room.pass(30_000);
    assert_eq!(room.hearers("ines", 960), ["mina"]);
    let mina = journal(&mut room, "mina");
    let [Exhibit::OtherSession { session_id, open, .. }] = mina.evidence.as_slice() else {
        panic!("{:?}", mina.evidence)
    };
    assert_eq!(*session_id, old);
    let mut forged = mina.clone();
    let mut statement = open.clone();
    statement.sig[9] ^= 1;
    let mut exhibits = forged.evidence.into_vec();
    if let Exhibit::OtherSession { open, .. } = &mut exhibits[0] {
        *open = statement;
    }
    forged.evidence = standfast_wire::codec::List::new(exhibits).unwrap();
    assert_eq!(forged.verify(), Err(JournalFault::Exhibit(0)));
    assert!(room.letters(Kind::Open).len() >= 2);
}

#[test]
fn a_frame_that_no_honest_device_seals_is_kept() {
    let (mut room, prekeys) = crate::hostile::invited_today();
    let kept = crate::hostile::copies(&prekeys);
    room.member("mina", prekeys);
    room.pass(500);
    let mut sealer = room.insider("mina", &kept[0], "mina");
    let mut plain = Vec::new();
    Payload::write(&mut plain, 80, 960, 0, &[b"speech"]).unwrap();
    let mut honest = Vec::new();
    sealer.seal(&plain, &mut honest).unwrap();
    room.input("ines", Input::Media(&honest));
    room.run();
    assert_eq!(room.devices["ines"].heard.len(), 1, "the insider seals as her device does");
    assert!(journal(&mut room, "ines").evidence.as_slice().is_empty());
    // The same with something behind the packet, where zeros belong.
    *plain.last_mut().unwrap() = 1;
    for _ in 0..100 {
        let mut frame = Vec::new();
        sealer.seal(&plain, &mut frame).unwrap();
        room.input("ines", Input::Media(&frame));
    }
    room.run();
    assert_eq!(room.devices["ines"].heard.len(), 1, "never played");
    let ines = journal(&mut room, "ines");
    assert_eq!(ines.evidence.as_slice().len(), 4, "and a hundred are no more than four");
    let mina = identity("mina").fingerprint().0;
    let of = |e: &Exhibit| matches!(e, Exhibit::ForgedFrame { under, .. } if *under == mina);
    assert!(ines.evidence.as_slice().iter().all(of));
}

#[test]
fn who_signed_what_was_refused_is_written_down_and_whose_name_is_forged_is_not() {
    let mut room = meeting(&["mina", "jonas"]);
    let mina = identity("mina");
    let end = End { at_h: room.see("ines").active.unwrap().h };
    let refused_of = |room: &mut Room| -> Vec<(Cause, Option<[u8; 32]>)> {
        let jonas = journal(room, "jonas");
        let entries = jonas.entries.as_slice().iter();
        entries
            .filter_map(|entry| match entry.event {
                Event::Refused { cause, by, .. } => Some((cause, by)),
                _ => None,
            })
            .collect()
    };
    let before = refused_of(&mut room).len();
    room.post(&room.forge(&mina, Kind::End, &end));
    let mut as_ines = room.letter(&identity("mallory"), Kind::End, &end);
    as_ines.from = identity("ines").fingerprint().0;
    room.post(&room.rebox(room.session_id(), 0, &as_ines));
    assert_eq!(
        refused_of(&mut room)[before..],
        [(Cause::NotAllowed, Some(mina.fingerprint().0)), (Cause::NotAuthentic, None)]
    );
}
