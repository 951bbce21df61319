//! Prekey bundles that a relay shows again.

use standfast_meeting::{Admission, Command, Hosts, Part, Phase, Policy, Presence};

use crate::life::meeting;
use crate::room::{Room, identity};

fn next_day(room: &mut Room) {
    room.command("ines", Command::End);
    room.board.clear();
    room.devices.clear();
    room.now.mono_ms += 86_400_000;
    room.now.wall_ms += 86_400_000;
}

/// Ines opens with a wrap for Mina, knowing how far Mina's bundles went. The same of now.
fn open(room: &mut Room, known: Option<u64>) -> Option<u64> {
    let mina = identity("mina").fingerprint();
    let policy =
        Policy { admission: Admission::Lobby, hosts: Hosts::Scheduled, rotate_ms: 300_000 };
    room.offline("ines", Part::Organizer { scheduled: vec![mina], policy });
    let ines = &mut room.devices.get_mut("ines").unwrap().meeting;
    ines.know_bundles(known.map(|seq| (mina, seq)));
    room.connect("ines");
    room.pass(1_100);
    let ines = &mut room.devices.get_mut("ines").unwrap().meeting;
    ines.take_bundles_seen().map(|(_, seq)| seq).next()
}

fn is_invited(room: &Room) -> bool {
    room.see("ines").members.iter().any(|m| m.presence == Presence::Invited)
}

#[test]
fn an_older_bundle_than_one_seen_gets_no_wrap_and_its_owner_comes_in_on_joining() {
    let mut room = meeting(&["mina"]);
    let prekeys = room.take_prekeys("mina");
    let first = room.bundles.clone();
    next_day(&mut room);
    let seen = open(&mut room, None);
    assert!(seen.is_some() && is_invited(&room));
    // In the meeting she makes the bundle for the next.
    room.member("mina", prekeys);
    room.pass(2_500);
    assert_eq!(room.see("mina").phase, Phase::Live);
    let second = room.bundles.clone();
    next_day(&mut room);
    let newer = open(&mut room, seen);
    assert!(newer > seen && is_invited(&room));
    next_day(&mut room);
    // The newest may be shown as often as it likes: nothing newer is known of.
    room.bundles = second;
    assert_eq!(open(&mut room, newer), None);
    assert!(is_invited(&room));
    next_day(&mut room);
    room.bundles = first;
    assert_eq!(open(&mut room, newer), None);
    assert!(!is_invited(&room));
    room.member("mina", Vec::new());
    room.pass(2_500);
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert_eq!(room.hearers("ines", 960), ["mina"]);
}
