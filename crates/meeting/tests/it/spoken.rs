//! The spoken code between devices, with a relay and members that want it otherwise.

use standfast_meeting::{Command, Event, Spoke, SpokenNow};
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{Kind, SasCommit, SasReveal};

use crate::life::meeting;
use crate::room::{Room, identity};

fn words(room: &Room, name: &str) -> Option<[&'static str; 3]> {
    match room.see(name).spoken {
        SpokenNow::Code(words) => Some(words),
        _ => None,
    }
}

/// Letters of these kinds never reach `name`.
fn withhold(room: &mut Room, name: &'static str, kinds: &'static [Kind]) {
    let read = room.reader();
    room.tamper = Some(Box::new(move |to, envelope| {
        let kept = to == name && kinds.contains(&read(envelope).kind);
        (!kept).then(|| envelope.clone())
    }));
}

#[test]
fn three_devices_show_the_same_words() {
    let mut room = meeting(&["mina", "jonas"]);
    room.command("mina", Command::StartSpokenCode);
    let code = words(&room, "mina").unwrap();
    for name in ["ines", "jonas"] {
        assert_eq!(words(&room, name), Some(code), "{name}");
    }
    // The values are public afterwards, and a stranger with the link can read them; the code of the
    // next run is another.
    room.command("ines", Command::StartSpokenCode);
    assert_ne!(words(&room, "ines").unwrap(), code);
    assert_eq!(words(&room, "ines"), words(&room, "jonas"));
    // A new key changes nothing, a new member does.
    room.command("ines", Command::RotateNow);
    room.pass(3_000);
    assert!(words(&room, "jonas").is_some());
    room.member("leo", Vec::new());
    room.pass(3_000);
    assert_eq!(room.see("jonas").spoken, SpokenNow::Idle);
    let journal = room.devices.get_mut("jonas").unwrap().meeting.signed_journal();
    let shown = |e: &Event| matches!(e, Event::Spoken { how: Spoke::Shown, .. });
    assert_eq!(journal.entries.as_slice().iter().filter(|e| shown(&e.event)).count(), 2);
}

#[test]
fn a_relay_that_withholds_values_gets_no_fourth_run() {
    let mut room = meeting(&["mina", "jonas"]);
    withhold(&mut room, "jonas", &[Kind::SasReveal]);
    for times in 1..=3u8 {
        room.command("jonas", Command::StartSpokenCode);
        assert_eq!(room.see("jonas").spoken, SpokenNow::Running { have: 3, of: 3 });
        room.pass(10_100);
        let expected = match times {
            3 => SpokenNow::CompareFingerprints,
            times => SpokenNow::Failed { times },
        };
        assert_eq!(room.see("jonas").spoken, expected);
    }
    room.tamper = None;
    let posted = room.board.len();
    room.command("jonas", Command::StartSpokenCode);
    assert_eq!(room.board.len(), posted, "it has to be the fingerprints now");
    // Nor does a new seat forget it.
    room.disconnect("jonas");
    room.pass(5_000);
    room.connect("jonas");
    room.pass(3_000);
    assert_eq!(room.see("jonas").spoken, SpokenNow::CompareFingerprints);
}

#[test]
fn commitments_that_a_relay_withholds_are_missed_by_all() {
    let mut room = meeting(&["mina", "jonas"]);
    withhold(&mut room, "ines", &[Kind::SasCommit]);
    room.command("mina", Command::StartSpokenCode);
    assert!(room.letters(Kind::SasReveal).is_empty(), "not everyone is bound");
    room.pass(10_100);
    for name in ["mina", "jonas"] {
        assert_eq!(room.see(name).spoken, SpokenNow::Failed { times: 1 }, "{name}");
    }
    assert_eq!(room.see("ines").spoken, SpokenNow::Idle);
}

#[test]
fn a_rotation_in_mid_run_ends_it_everywhere() {
    let mut room = meeting(&["mina", "jonas"]);
    withhold(&mut room, "ines", &[Kind::SasCommit, Kind::SasReveal]);
    room.command("mina", Command::StartSpokenCode);
    assert_eq!(room.see("jonas").spoken, SpokenNow::Running { have: 2, of: 3 });
    let old = room.board.clone();
    room.tamper = None;
    room.command("ines", Command::RotateNow);
    room.pass(200);
    for name in ["mina", "jonas"] {
        assert_eq!(room.see(name).spoken, SpokenNow::Failed { times: 1 }, "{name}");
    }
    // The old letters start nothing and end nothing.
    for (_, envelope) in &old {
        room.post(envelope);
    }
    room.pass(200);
    assert_eq!(room.see("ines").spoken, SpokenNow::Idle);
    room.command("jonas", Command::StartSpokenCode);
    assert!(words(&room, "ines").is_some());
    assert_eq!(words(&room, "ines"), words(&room, "mina"));
}

#[test]
fn letters_of_a_run_posted_again_start_none() {
    let mut room = meeting(&["mina", "jonas"]);
    room.command("mina", Command::StartSpokenCode);
    let code = words(&room, "ines");
    let old = room.board.clone();
    for (_, envelope) in &old {
        room.post(envelope);
    }
    room.pass(11_000);
    assert_eq!(words(&room, "ines"), code);
    assert_eq!(room.letters(Kind::SasReveal).len(), 6, "three, and the same again");
}

#[test]
fn a_stranger_neither_starts_nor_spoils_a_run() {
    let mut room = meeting(&["mina", "jonas"]);
    let mallory = identity("mallory");
    let h_e = room.see("ines").active.unwrap().h;
    let commit = SasCommit { h_e, run_id: [1; 16], commitment: [2; 32] };
    room.post(&room.forge(&mallory, Kind::SasCommit, &commit));
    let mut as_mina = room.letter(&mallory, Kind::SasCommit, &commit);
    as_mina.from = identity("mina").fingerprint().0;
    room.post(&room.rebox(room.session_id(), 0, &as_mina));
    assert_eq!(room.see("ines").spoken, SpokenNow::Idle);
    withhold(&mut room, "ines", &[Kind::SasReveal]);
    room.command("ines", Command::StartSpokenCode);
    let run_id = from_bytes::<SasCommit>(room.letters(Kind::SasCommit)[2].body.as_slice());
    let run_id = run_id.unwrap().run_id;
    room.tamper = None;
    let reveal = SasReveal { h_e, run_id, sas_r: [3; 32] };
    let mut as_mina = room.letter(&mallory, Kind::SasReveal, &reveal);
    as_mina.from = identity("mina").fingerprint().0;
    room.post(&room.rebox(room.session_id(), 0, &as_mina));
    assert_eq!(room.see("ines").spoken, SpokenNow::Running { have: 3, of: 3 });
    // What the relay held back comes late, and in time.
    let held: Vec<_> = room.board.iter().filter(|(from, _)| *from != "mallory").cloned().collect();
    for (_, envelope) in &held {
        room.inject("ines", envelope);
    }
    assert_eq!(words(&room, "ines"), words(&room, "mina"));
    assert!(words(&room, "ines").is_some());
}

/// Mina, whose device does what it likes, sees the others' values first and shows another of hers.
#[test]
fn a_member_that_grinds_is_caught() {
    let mut room = meeting(&["mina", "jonas"]);
    let mina = identity("mina");
    // Her device is the test's: the honest one hears and says nothing of it.
    withhold(&mut room, "mina", &[Kind::SasCommit, Kind::SasReveal]);
    room.command("ines", Command::StartSpokenCode);
    assert!(room.letters(Kind::SasReveal).is_empty());
    let commit: SasCommit = from_bytes(room.letters(Kind::SasCommit)[0].body.as_slice()).unwrap();
    let SasCommit { h_e, run_id, .. } = commit;
    let share = standfast_crypto::SpokenShare::shown(&[7; 32]);
    let commitment = share.commitment(mina.fingerprint(), &run_id);
    room.post(&room.forge(&mina, Kind::SasCommit, &SasCommit { h_e, run_id, commitment }));
    assert_eq!(room.letters(Kind::SasReveal).len(), 2, "now she knows theirs");
    let ground = SasReveal { h_e, run_id, sas_r: [8; 32] };
    room.post(&room.forge(&mina, Kind::SasReveal, &ground));
    for name in ["ines", "jonas"] {
        assert_eq!(room.see(name).spoken, SpokenNow::Failed { times: 1 }, "{name}");
        let journal = room.devices.get_mut(name).unwrap().meeting.signed_journal();
        let caught = |e: &Event| match e {
            Event::Spoken { how: Spoke::Cheated, by, .. } => *by == Some(mina.fingerprint().0),
            _ => false,
        };
        assert!(journal.entries.as_slice().iter().any(|e| caught(&e.event)), "{name}");
    }
}
