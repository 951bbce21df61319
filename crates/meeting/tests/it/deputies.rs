//! Somebody opens the meeting when the organizer is away.

use standfast_crypto::Scope;
use standfast_meeting::{Admission, Command, Hosts, Input, LeftWhy, Opening, Part, Phase, Policy};
use standfast_wire::codec::{Blob, List, to_bytes};
use standfast_wire::control::{Deputies, Ident, Kind, MeetingOpen, Sealed, SignedDeputies};

use crate::life::meeting;
use crate::room::{Room, identity, poster};

fn opening(scheduled: &[&str]) -> Opening {
    let policy =
        Policy { admission: Admission::Lobby, hosts: Hosts::Scheduled, rotate_ms: 300_000 };
    Opening {
        scheduled: scheduled.iter().map(|name| identity(name).fingerprint()).collect(),
        policy,
    }
}

fn open(room: &mut Room, name: &'static str, scheduled: &[&str]) {
    room.input(name, Input::Open(opening(scheduled)));
    room.run();
    room.pass(2_000);
}

fn set_deputy(room: &mut Room, name: &str) {
    room.command("ines", Command::SetDeputy(identity(name).fingerprint()));
}

/// The relay keeps its slots, the boards are gone, the devices are new processes.
fn next_day(room: &mut Room) {
    room.devices.clear();
    room.board.clear();
    room.now.mono_ms += 86_400_000;
    room.now.wall_ms += 86_400_000;
}

fn members(room: &mut Room, names: &[&'static str]) {
    for name in names {
        room.member(name, Vec::new());
    }
    room.pass(2_000);
}

#[test]
fn a_deputy_opens_and_the_organizer_takes_the_term_when_it_comes() {
    let mut room = meeting(&["mina", "leo"]);
    set_deputy(&mut room, "mina");
    assert!(room.see("leo").members.iter().any(|m| m.name == "mina" && m.deputy));
    next_day(&mut room);
    members(&mut room, &["mina", "leo"]);
    assert!(room.see("mina").may_open);
    assert!(!room.see("leo").may_open);
    open(&mut room, "mina", &["leo", "jonas"]);
    assert_eq!((room.see("mina").phase, room.see("leo").phase), (Phase::Live, Phase::Live));
    assert!(room.see("mina").rights.host);
    assert_eq!(room.hearers("mina", 960), ["leo"]);

    // Nobody has to let the organizer in, not even into a locked meeting.
    room.command("mina", Command::SetLocked(true));
    room.organizer(&["mina", "leo"], Admission::Lobby);
    room.pass(8_000);
    assert!(room.see("ines").generator);
    assert_eq!(room.hearers("ines", 9_600), ["leo", "mina"]);
    assert!(room.common_code(&["ines", "leo", "mina"]).is_some());
}

#[test]
fn nobody_else_opens() {
    let mut room = meeting(&["mina", "leo"]);
    set_deputy(&mut room, "mina");
    next_day(&mut room);
    members(&mut room, &["mina", "leo"]);
    open(&mut room, "leo", &["mina"]);
    assert_eq!(room.see("leo").phase, Phase::Waiting);
    assert!(room.see("leo").counters.not_allowed > 0);
    assert!(room.board.is_empty());
}

#[test]
fn only_the_organizer_makes_deputies_and_of_people_only() {
    let mut room = meeting(&["mina", "leo"]);
    room.command("mina", Command::SetDeputy(identity("mina").fingerprint()));
    room.command("mina", Command::SetDeputy(identity("leo").fingerprint()));
    room.command("ines", Command::SetDeputy(identity("stranger").fingerprint()));
    for name in ["ines", "mina", "leo"] {
        assert!(room.see(name).members.iter().all(|m| !m.deputy), "{name}");
        assert!(room.devices[name].deputies.is_none(), "{name}");
    }
}

#[test]
fn a_list_that_was_taken_back_opens_nothing_for_those_who_know() {
    let mut room = meeting(&["mina", "leo"]);
    set_deputy(&mut room, "mina");
    let (old, slots) = (room.devices["mina"].deputies.clone().unwrap(), room.bundles.clone());
    let fp = identity("mina").fingerprint();
    room.command("ines", Command::UnsetDeputy(fp));
    let new = room.devices["leo"].deputies.clone().unwrap();
    assert_ne!(old, new);
    next_day(&mut room);
    // The relay shows the old list, and Mina's device has forgotten the new one.
    room.bundles = slots;
    room.member("leo", Vec::new());
    room.input("leo", Input::Deputies(&new));
    room.member("jonas", Vec::new());
    room.member("mina", Vec::new());
    room.input("mina", Input::Deputies(&old));
    open(&mut room, "mina", &["leo", "jonas"]);
    assert_eq!(room.see("leo").phase, Phase::Waiting);
    // Who knows no better follows: the organizer's word is all there is.
    assert_eq!(room.see("jonas").phase, Phase::Live);
}

#[test]
fn a_relay_that_lost_its_slots_gets_the_list_again() {
    let mut room = meeting(&["mina"]);
    set_deputy(&mut room, "mina");
    let kept = room.devices["ines"].deputies.clone().unwrap();
    next_day(&mut room);
    room.bundles.clear();
    room.organizer(&["mina"], Admission::Lobby);
    room.disconnect("ines");
    // Told only now, as by a process that read its disk.
    room.devices.clear();
    room.board.clear();
    let policy = opening(&[]).policy;
    room.offline("ines", Part::Organizer { scheduled: Vec::new(), policy });
    room.input("ines", Input::Deputies(&kept));
    room.connect("ines");
    next_day(&mut room);
    members(&mut room, &["mina"]);
    assert!(room.see("mina").may_open);
}

#[test]
fn two_who_open_at_once_end_in_one_session() {
    let mut room = meeting(&["mina", "leo"]);
    set_deputy(&mut room, "mina");
    next_day(&mut room);
    members(&mut room, &["mina"]);
    // Neither sees the other's board before its own is there.
    room.fate = Some(Box::new(|_, _| vec![1_500]));
    room.input("mina", Input::Open(opening(&["leo"])));
    room.run();
    let board = std::mem::take(&mut room.board);
    room.organizer(&["mina", "leo"], Admission::Lobby);
    room.pass(1_200);
    let two = (room.see("mina").session_id, room.see("ines").session_id);
    assert!(two.0.is_some() && two.1.is_some() && two.0 != two.1);
    room.fate = None;
    for (_, envelope) in &board {
        room.input("ines", Input::Delivered { poster: poster("mina"), envelope });
    }
    room.pass(15_000);
    members(&mut room, &["leo"]);
    room.pass(15_000);
    assert_eq!(room.see("mina").session_id, room.see("ines").session_id);
    assert_eq!(room.see("ines").session_id, two.1, "the organizer's");
    assert_eq!(room.hearers("leo", 960), ["ines", "mina"]);
}

#[test]
fn a_deputy_who_finds_a_meeting_joins_it() {
    let mut room = meeting(&["mina", "leo"]);
    set_deputy(&mut room, "mina");
    let running = room.see("ines").session_id;
    room.command("mina", Command::Leave);
    assert_eq!(room.see("mina").phase, Phase::Left(LeftWhy::Left));
    room.member("mina", Vec::new());
    open(&mut room, "mina", &["leo"]);
    room.pass(8_000);
    assert_eq!(room.see("mina").session_id, running);
    assert_eq!(room.hearers("mina", 960), ["ines", "leo"]);
}

/// A list as `signer` would sign it.
fn list(
    room: &Room,
    signer: &str,
    change: impl FnOnce(&mut Deputies),
    fps: &[&str],
) -> SignedDeputies {
    let fps = fps.iter().map(|name| identity(name).fingerprint().0).collect();
    let mut list = Deputies {
        meeting_id: room.link.meeting_id,
        link_epoch: room.link.link_epoch,
        serial: 7,
        fps: List::new(fps).unwrap(),
    };
    change(&mut list);
    let scope = Scope { meeting_id: room.link.meeting_id, session_id: [0; 32] };
    let body = to_bytes(&list);
    let sig = identity(signer).sign(&scope, Kind::Deputies.label(), &body);
    SignedDeputies { ident: ident(signer), body: Blob::new(body).unwrap(), sig }
}

fn ident(name: &str) -> Ident {
    let identity = identity(name);
    let public = identity.public();
    Ident { iks: *public.iks(), ikd: *public.ikd(), cert: *public.cert() }
}

/// Whether a member who waits follows this Open.
fn followed(opener: &str, deputies: Option<SignedDeputies>) -> bool {
    let mut room = Room::new();
    room.member("leo", Vec::new());
    let session_id = [9; 32];
    let policy = opening(&[]).policy;
    let ident = ident(opener);
    let open = MeetingOpen { session_id, ident, policy, scheduled: List::default(), deputies };
    let scope = Scope { meeting_id: room.link.meeting_id, session_id };
    let body = to_bytes(&open);
    let sig = Some(identity(opener).sign(&scope, Kind::Open.label(), &body));
    let from = identity(opener).fingerprint().0;
    let body = Blob::new(body).unwrap();
    let sealed = Sealed { kind: Kind::Open, from, body, sig, mac: None };
    let envelope = room.rebox(session_id, 0, &sealed);
    room.inject("leo", &envelope);
    room.see("leo").phase != Phase::Waiting
}

#[test]
fn a_list_that_the_organizer_did_not_sign_for_this_link_opens_nothing() {
    let room = Room::new();
    let good = || list(&room, "ines", |_| (), &["mina"]);
    assert!(followed("mina", Some(good())), "the control");
    assert!(followed("ines", None), "the control");

    let mut swapped = good();
    swapped.body = list(&room, "ines", |_| (), &["mallory"]).body;
    let mut renamed = list(&room, "mallory", |_| (), &["mallory"]);
    renamed.ident = ident("ines");
    let wrong = [
        ("somebody who is not on it", "mallory", Some(good())),
        ("no list", "mina", None),
        ("a list of one's own", "mallory", Some(list(&room, "mallory", |_| (), &["mallory"]))),
        ("a list in the organizer's name", "mallory", Some(renamed)),
        ("another list under its signature", "mallory", Some(swapped)),
        (
            "another meeting's",
            "mina",
            Some(list(&room, "ines", |l| l.meeting_id[0] ^= 1, &["mina"])),
        ),
        ("an older link's", "mina", Some(list(&room, "ines", |l| l.link_epoch -= 1, &["mina"]))),
        ("the organizer with a list", "ines", Some(list(&room, "ines", |_| (), &["ines"]))),
    ];
    for (what, opener, deputies) in wrong {
        assert!(!followed(opener, deputies), "{what}");
    }
}
