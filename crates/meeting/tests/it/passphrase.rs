//! Meetings with a passphrase: who has another, or none, is told, and disturbs nobody.

use standfast_meeting::{Admission, Command, LeftWhy, Phase};
use standfast_wire::codec::{Field, from_bytes};
use standfast_wire::control::{Heartbeat, JoinRequest, Kind, Sealed};

use crate::mallory::letter_hash;
use crate::room::{Room, identity};

const WRONG: Phase = Phase::Left(LeftWhy::WrongPassphrase);

/// Ines opens a meeting under `passphrase`.
fn opened(passphrase: Option<u8>) -> Room {
    opened_for(Admission::AnyoneWithLink, passphrase)
}

fn opened_for(admission: Admission, passphrase: Option<u8>) -> Room {
    let mut room = Room::new();
    give(&mut room, "ines", passphrase);
    room.organizer(&[], admission);
    room.pass(1_100);
    room
}

fn give(room: &mut Room, name: &'static str, passphrase: Option<u8>) {
    room.passphrases.remove(name);
    room.passphrases.extend(passphrase.map(|passphrase| (name, passphrase)));
}

fn join(room: &mut Room, name: &'static str, passphrase: Option<u8>) {
    give(room, name, passphrase);
    room.member(name, Vec::new());
    room.pass(2_500);
}

/// The newest join request of `name`, with a MAC that fits nothing: everyone with the link can.
fn with_another_mac(room: &Room, name: &str) -> Sealed {
    let from = identity(name).fingerprint().0;
    let mut joins = room.letters(Kind::Join).into_iter().filter(|sealed| sealed.from == from);
    Sealed { mac: Some([7; 32]), ..joins.next_back().unwrap() }
}

fn read<T: Field>(sealed: &Sealed) -> T {
    from_bytes(sealed.body.as_slice()).unwrap()
}

fn post(room: &mut Room, sealed: &Sealed) {
    let envelope = room.rebox(room.session_id(), 0, sealed);
    room.post(&envelope);
}

#[test]
fn the_right_passphrase_lets_in() {
    let mut room = opened(Some(1));
    join(&mut room, "mina", Some(1));
    join(&mut room, "jonas", Some(1));
    assert!(room.common_code(&["ines", "mina", "jonas"]).is_some());
    assert_eq!(room.hearers("mina", 960), ["ines", "jonas"]);
}

#[test]
fn another_passphrase_or_none_is_told_and_disturbs_nobody() {
    for (theirs, mine) in [(Some(1), None), (Some(1), Some(2)), (None, Some(2))] {
        let mut room = opened(theirs);
        join(&mut room, "leo", theirs);
        let refused = room.refusals("ines") + room.refusals("leo");
        let before = (room.shows("ines").active, room.shows("leo").active);
        join(&mut room, "mina", mine);
        assert_eq!(room.see("mina").phase, WRONG, "{theirs:?} {mine:?}");
        assert!(room.board.iter().all(|(from, _)| *from != "mina"), "it posts nothing");
        assert!(room.see("ines").lobby.is_empty());
        assert_eq!((room.shows("ines").active, room.shows("leo").active), before);
        assert_eq!(room.refusals("ines") + room.refusals("leo"), refused);
        // The next try, with the right one.
        join(&mut room, "mina", theirs);
        assert_eq!(room.see("mina").phase, Phase::Live, "{theirs:?} {mine:?}");
    }
}

#[test]
fn who_waits_for_the_meeting_is_told_when_it_opens() {
    let mut room = Room::new();
    room.member("mina", Vec::new());
    room.pass(5_000);
    assert_eq!(room.see("mina").phase, Phase::Waiting);
    give(&mut room, "ines", Some(1));
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(3_500);
    assert_eq!(room.see("mina").phase, WRONG);
    assert_eq!(room.see("ines").phase, Phase::Live);
}

#[test]
fn an_invitation_survives_a_wrong_passphrase() {
    let mut room = opened(Some(1));
    join(&mut room, "mina", Some(1));
    let prekeys = room.take_prekeys("mina");
    room.command("ines", Command::End);
    room.pass(100);
    room.board.clear();
    room.devices.clear();
    room.now.mono_ms += 86_400_000;
    room.organizer(&["mina"], Admission::Lobby);
    room.pass(100);
    // The keychain keeps what the engine does not tell it to erase.
    let keep = |prekeys: &[standfast_crypto::PrivateBundle]| -> Vec<_> {
        let copy = |p: &standfast_crypto::PrivateBundle| {
            standfast_crypto::PrivateBundle::from_secret(&p.to_secret())
        };
        prekeys.iter().map(copy).collect()
    };
    give(&mut room, "mina", Some(2));
    room.member("mina", keep(&prekeys));
    room.pass(2_500);
    assert_eq!(room.see("mina").phase, WRONG);
    assert!(room.devices["mina"].erased.is_empty(), "its prekey was not spent");
    give(&mut room, "mina", Some(1));
    room.member("mina", prekeys);
    room.pass(100);
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert_eq!(room.see("mina").active.unwrap().number, 1, "within the first epoch");
}

#[test]
fn requests_copied_with_another_mac_scare_nobody() {
    let mut room = opened(Some(1));
    join(&mut room, "leo", Some(1));
    for name in ["ines", "leo"] {
        let copy = with_another_mac(&room, name);
        post(&mut room, &copy);
        // A relay may show it before the original.
        let copy = room.board.pop().unwrap();
        room.board.insert(1, copy);
    }
    // And one of her own, made with the link alone.
    let (own, _) = room.ask(&identity("mallory"), |_| {});
    room.post(&own);
    assert!(room.see("ines").lobby.is_empty());
    join(&mut room, "mina", Some(1));
    assert_eq!(room.see("mina").phase, Phase::Live);
    // Whoever is in, or comes back, stays.
    let copy = with_another_mac(&room, "ines");
    room.disconnect("mina");
    room.pass(5_000);
    room.connect("mina");
    post(&mut room, &copy);
    room.pass(5_000);
    for name in ["ines", "leo", "mina"] {
        assert_eq!(room.see(name).phase, Phase::Live, "{name}");
    }
}

#[test]
fn a_copied_request_sends_nobody_out_of_the_lobby() {
    let mut room = opened_for(Admission::Lobby, Some(1));
    let copy = with_another_mac(&room, "ines");
    post(&mut room, &copy);
    let copy = room.board.pop().unwrap();
    room.board.insert(1, copy);
    join(&mut room, "mina", Some(1));
    room.pass(5_000);
    assert_eq!(room.see("mina").phase, Phase::Lobby);
}

#[test]
fn what_the_organizer_did_not_sign_is_noise() {
    // The relay holds back the organizer's own request from Mina, and shows her something else.
    type Fake = fn(&mut Room) -> Vec<Sealed>;
    let fakes: [(&str, Fake); 3] = [
        ("a stranger's request and heartbeat", |room| {
            let mallory = identity("mallory");
            let beat: Heartbeat = read(room.letters(Kind::Heartbeat).last().unwrap());
            let (join, _) = room.ask(&mallory, |_| {});
            let join = Sealed { mac: Some([7; 32]), ..room.unbox(&join) };
            vec![join, room.letter(&mallory, Kind::Heartbeat, &beat)]
        }),
        ("a request in the organizer's name", |room| {
            let join: JoinRequest = read(&with_another_mac(room, "ines"));
            let from = identity("ines").fingerprint().0;
            let forged = room.letter(&identity("mallory"), Kind::Join, &join);
            vec![Sealed { from, mac: Some([7; 32]), ..forged }]
        }),
        ("the organizer's, which fits, with keys of no use", |room| {
            let (join, _) = room.ask(&identity("ines"), |join| join.bundle.ek = [0; 32]);
            vec![room.unbox(&join)]
        }),
    ];
    for (what, fake) in fakes {
        let mut room = opened(None);
        room.pass(2_500);
        let shown = fake(&mut room);
        let (reader, ines) = (room.reader(), identity("ines").fingerprint().0);
        room.tamper = Some(Box::new(move |to, envelope| {
            let sealed = reader(envelope);
            let hers = sealed.kind == Kind::Join && sealed.from == ines;
            (to != "mina" || !hers).then(|| envelope.clone())
        }));
        room.member("mina", Vec::new());
        for sealed in shown {
            let envelope = room.rebox(room.session_id(), 0, &sealed);
            room.inject("mina", &envelope);
        }
        room.pass(5_000);
        assert!(!matches!(room.see("mina").phase, Phase::Left(_)), "{what}");
    }
}

#[test]
fn a_session_without_a_sign_of_life_tells_nothing() {
    let mut room = opened(None);
    room.pass(2_500);
    let beat: Heartbeat = read(room.letters(Kind::Heartbeat).last().unwrap());
    // Ines crashes. Her board stays, with a heartbeat on it.
    room.devices.clear();
    room.passphrases.insert("mina", 1);
    room.member("mina", Vec::new());
    room.pass(5_000);
    assert_ne!(room.see("mina").phase, WRONG, "what lay on the board is no sign of life");
    let from = identity("ines").fingerprint().0;
    let forged = Sealed { from, ..room.letter(&identity("mallory"), Kind::Heartbeat, &beat) };
    post(&mut room, &forged);
    assert_ne!(room.see("mina").phase, WRONG, "and a forged one neither");
}

#[test]
fn a_session_opened_anew_with_a_passphrase_is_followed() {
    let mut room = opened(None);
    room.pass(2_500);
    room.devices.clear();
    room.passphrases.insert("mina", 1);
    room.member("mina", Vec::new());
    room.pass(5_000);
    // She comes back and opens anew, with a passphrase.
    give(&mut room, "ines", Some(1));
    room.organizer(&[], Admission::AnyoneWithLink);
    room.pass(20_000);
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert!(room.common_code(&["ines", "mina"]).is_some());
}

#[test]
fn the_passphrase_is_bound_to_the_wrap_too() {
    // With the organizer's request re-made for the link alone, Mina, who was given no passphrase,
    // asks to join and gets no further: neither her request nor the key fits.
    let mut room = opened(Some(1));
    let from = identity("ines").fingerprint().0;
    let join = room.letters(Kind::Join).into_iter().find(|sealed| sealed.from == from).unwrap();
    let mac = Some(room.link.keys().join_mac(join.body.as_slice()));
    let remade = Sealed { mac, ..join };
    let (reader, h) = (room.reader(), letter_hash("SF1/join", &remade));
    let envelope = room.rebox(room.session_id(), 0, &remade);
    room.tamper = Some(Box::new(move |to, original| {
        let sealed = reader(original);
        let hers = sealed.kind == Kind::Join && letter_hash("SF1/join", &sealed) == h;
        Some(if to == "mina" && hers { envelope.clone() } else { original.clone() })
    }));
    room.member("mina", Vec::new());
    room.pass(5_000);
    assert_eq!(room.see("mina").phase, Phase::Joining);
    assert!(room.see("ines").lobby.is_empty());
    assert_eq!(room.see("ines").active.unwrap().members, 1);
}
