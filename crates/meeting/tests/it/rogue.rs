//! What a member, or the organizer itself, can try against the others.

use standfast_crypto::Identity;
use standfast_meeting::{Admission, Command, LeftWhy, Phase, Reason};
use standfast_wire::codec::{Blob, List, from_bytes};
use standfast_wire::control::{
    Carried, Entry, EpochAnnounce, KEM_PUBLIC, KeyAck, KeyRequest, Kind, Leave, Role, State,
};

use crate::life::meeting;
use crate::room::{Room, identity};

/// The next announce that Ines could honestly make: the same people, a new secret.
fn next(room: &Room) -> EpochAnnounce {
    let last: EpochAnnounce =
        from_bytes(room.letters(Kind::Announce).last().unwrap().body.as_slice()).unwrap();
    EpochAnnounce {
        epoch: last.epoch + 1,
        prev_h: room.newest_hash(Kind::Announce),
        reason: Reason::Manual,
        min_ms: 0,
        max_ms: 2_000,
        ..last
    }
}

type Change = Box<dyn Fn(&mut EpochAnnounce)>;

fn with_roster(change: impl Fn(&mut Vec<Entry>) + 'static) -> Change {
    Box::new(move |a| {
        let mut roster = a.roster.clone().into_vec();
        change(&mut roster);
        a.roster = List::new(roster).unwrap();
    })
}

fn entry(roster: &mut [Entry], name: &str) -> usize {
    let fp = identity(name).fingerprint().0;
    roster.iter().position(|e| e.fp == fp).unwrap()
}

#[test]
fn members_refuse_what_the_organizer_may_not_announce() {
    let mut room = meeting(&["mina", "jonas", "leo"]);
    room.command("leo", Command::Leave);
    room.pass(3_000);
    let stranger = identity("stranger").fingerprint().0;
    // Everyone holds a request of hers that was not let in.
    let mallory = identity("mallory").fingerprint().0;
    let (knock, knocked) = room.ask(&identity("mallory"), |join| join.seen = None);
    room.post(&knock);
    let leo = identity("leo").fingerprint().0;
    let old = room.newest_hash(Kind::Join);
    let changes: Vec<(&str, Change)> = vec![
        ("another term", Box::new(|a| a.term = 2)),
        ("the same epoch again", Box::new(|a| a.epoch -= 1)),
        ("an epoch skipped", Box::new(|a| a.epoch += 1)),
        ("epoch 0", Box::new(|a| a.epoch = 0)),
        ("the last epoch", Box::new(|a| a.epoch = u32::MAX)),
        ("another history", Box::new(|a| a.prev_h[0] ^= 1)),
        ("another generator", Box::new(|a| a.generator = identity("mina").fingerprint().0)),
        ("too late a start", Box::new(|a| a.max_ms = 2_001)),
        ("a start after the end", Box::new(|a| a.min_ms = a.max_ms + 1)),
        ("a removal without haste", Box::new(|a| a.reason = Reason::Removal)),
        ("opened twice", Box::new(|a| (a.reason, a.max_ms) = (Reason::Open, 0))),
        ("a takeover", Box::new(|a| a.reason = Reason::Takeover)),
        ("a merge", Box::new(|a| a.reason = Reason::Merge)),
        ("a merged head", Box::new(|a| a.merged_h = Some([1; 32]))),
        ("an order", {
            Box::new(|a| {
                let forged = Carried {
                    kind: Kind::Order,
                    from: [1; 32],
                    body: Blob::new(vec![1]).unwrap(),
                    sig: [1; 64],
                };
                a.orders = List::new(vec![forged]).unwrap();
            })
        }),
        ("a succession of strangers", {
            Box::new(|a| a.succession = List::new(vec![900]).unwrap())
        }),
        ("a member twice", {
            with_roster(|r| {
                let again = Entry { idx: 900, ..r[1].clone() };
                r.push(again);
            })
        }),
        ("an idx twice", with_roster(|r| r[1].idx = r[0].idx)),
        ("another order", with_roster(|r| r.swap(0, 1))),
        ("another idx for a member", with_roster(|r| r[2].idx = 900)),
        ("without the organizer", with_roster(|r| r.retain(|e| e.idx != 0))),
        ("the organizer without a key", with_roster(|r| r[0].state = State::Off)),
        ("somebody left out in silence", with_roster(|r| r.truncate(2))),
        ("nobody knows whom", {
            with_roster(move |r| {
                let (idx, fp) = (900, stranger);
                r.push(Entry { idx, fp, ..r[1].clone() });
            })
        }),
        ("a listener without a request", {
            with_roster(move |r| {
                let (idx, fp, join_h) = (900, stranger, [7; 32]);
                r.push(Entry { idx, fp, join_h, ..r[1].clone() });
            })
        }),
        ("invited after the start", {
            with_roster(move |r| {
                let (idx, fp, join_h, state) = (900, stranger, [0; 32], State::Invited);
                r.push(Entry { idx, fp, join_h, state, ..r[1].clone() });
            })
        }),
        ("one who left, under another idx", {
            with_roster(move |r| {
                r.push(Entry { idx: 900, fp: leo, join_h: old, ..r[1].clone() });
            })
        }),
        ("a stranger under a leaver's idx", {
            with_roster(move |r| {
                r.push(Entry { idx: 3, fp: mallory, join_h: knocked, ..r[1].clone() });
            })
        }),
        ("a request under another's name", {
            with_roster(move |r| {
                r.push(Entry { idx: 900, fp: stranger, join_h: knocked, ..r[1].clone() });
            })
        }),
        ("beyond the key ids", {
            with_roster(move |r| {
                r.push(Entry { idx: 1_024, fp: leo, join_h: old, ..r[1].clone() });
            })
        }),
        ("a bot", with_roster(|r| r[1].role = Role::Bot)),
        ("an owner", with_roster(|r| r[1].owner = Some([1; 32]))),
        ("a replaced device", with_roster(|r| r[1].replaces = Some([1; 32]))),
        ("off the record", with_roster(|r| r[1].state = State::Off)),
        ("an old nonce of ours", {
            with_roster(|r| {
                let at = entry(r, "mina");
                r[at].nonce = [9; 16];
            })
        }),
    ];
    let ines = identity("ines");
    for (what, change) in changes {
        let mut announce = next(&room);
        change(&mut announce);
        let envelope = room.forge(&ines, Kind::Announce, &announce);
        let before = (room.shows("mina"), room.refusals("mina"), room.devices["mina"].erased.len());
        room.inject("mina", &envelope);
        if matches!(what, "a merged head" | "a listener without a request") {
            // Something seems to be missing: she reads the board again, and finds nothing.
            room.pass(3_000);
            assert_eq!(room.see("mina").phase, Phase::Live, "{what}");
            continue;
        }
        if what == "an old nonce of ours" {
            // Whoever made it does not know who lives now: she takes no key of it, and asks anew.
            assert_eq!(room.see("mina").phase, Phase::Joining);
            return;
        }
        assert_eq!(room.shows("mina"), before.0, "{what}");
        assert_eq!(room.refusals("mina"), before.1 + 1, "{what}");
    }
    // All this time the meeting went on; and the honest one passes.
    assert_eq!(room.hearers("mina", 960), ["ines", "jonas"]);
    let refusals = room.refusals("mina");
    let honest = room.forge(&ines, Kind::Announce, &next(&room));
    room.inject("mina", &honest);
    assert_eq!(room.refusals("mina"), refusals);
    // It has no wrap: within seconds Mina asks the organizer for a new seat.
    room.pass(30_000);
}

#[test]
fn a_wrap_of_another_secret_is_not_installed() {
    // The announce commits to one secret: two groups cannot be given two.
    let mut room = meeting(&["mina", "jonas"]);
    let mut announce = next(&room);
    announce.key_commit[0] ^= 1;
    let real = room.see("mina").active.unwrap().number;
    let envelope = room.forge(&identity("ines"), Kind::Announce, &announce);
    room.inject("mina", &envelope);
    room.pass(1_000);
    assert_eq!(room.see("mina").active.unwrap().number, real);
    assert!(room.see("mina").coming.is_none());
}

/// X25519 of small order; ML-KEM coefficients that are not reduced.
#[test]
fn unusable_keys_end_no_meeting() {
    let mut room = meeting(&["mina"]);
    let mallory = identity("mallory");
    for bad in 0..2 {
        let (join, _) = room.ask(&mallory, |join| match bad {
            0 => join.bundle.ek = [0; 32],
            _ => *join.bundle.pk = [0xff; KEM_PUBLIC],
        });
        room.post(&join);
        room.pass(2_500);
    }
    // The same from a member, where a fresh bundle is expected.
    let mina = identity("mina");
    let (good, _) = room.ask(&mina, |_| {});
    let mut bundle: standfast_wire::control::JoinRequest =
        from_bytes(room.unbox(&good).body.as_slice()).unwrap();
    bundle.bundle.ek = [0; 32];
    let h_e = room.newest_hash(Kind::Announce);
    let request = KeyRequest { h_e, bundle: bundle.bundle.clone() };
    room.post(&room.forge(&mina, Kind::KeyRequest, &request));
    let ack = KeyAck { h_e, liveness_nonce: [1; 16], bundle: Some(bundle.bundle) };
    room.post(&room.forge(&mina, Kind::Ack, &ack));
    room.command("ines", Command::RotateNow);
    room.pass(2_500);
    room.member("jonas", Vec::new());
    room.pass(2_500);
    assert!(room.common_code(&["ines", "mina", "jonas"]).is_some());
    assert_eq!(room.hearers("ines", 960), ["jonas", "mina"]);
    room.pass(310_000);
    assert_eq!(room.hearers("mina", 1_920), ["ines", "jonas"]);
}

#[test]
fn a_roster_is_told_only_by_the_organizer() {
    // A member signs the announce that the organizer should have signed.
    let mut room = meeting(&["mina", "jonas"]);
    let announce = next(&room);
    for who in ["mina", "stranger"] {
        let who: Identity = identity(who);
        let envelope = room.forge(&who, Kind::Announce, &announce);
        let before = room.shows("jonas");
        room.inject("jonas", &envelope);
        assert_eq!(room.shows("jonas"), before);
    }
}

#[test]
fn a_member_that_is_back_before_its_old_seat_is_free_keeps_the_new_one() {
    let mut room = meeting(&["mina", "jonas"]);
    let jonas = identity("jonas");
    let join_h = room.newest_hash(Kind::Join);
    room.devices.remove("jonas");
    // Leo comes in at once; what follows within a second is gathered: Jonas' new process, and then
    // the goodbye of the old one.
    room.member("leo", Vec::new());
    room.pass(100);
    room.member("jonas", Vec::new());
    let leave = Leave { join_h, msk_private: [1; 32] };
    room.post(&room.forge(&jonas, Kind::Leave, &leave));
    room.pass(3_000);
    let all = ["ines", "mina", "jonas", "leo"];
    assert!(all.iter().all(|n| room.see(n).phase == Phase::Live));
    assert!(room.common_code(&all).is_some());
    assert_eq!(room.see("ines").active.unwrap().number, 5, "in one epoch");
    assert_eq!(room.hearers("jonas", 960), ["ines", "leo", "mina"]);
}

#[test]
fn a_place_is_kept_for_the_whole_meeting() {
    let mut room = meeting(&["mina", "jonas"]);
    let place = room.see("mina").me;
    for _ in 0..5 {
        room.disconnect("mina");
        room.pass(4_000);
        room.connect("mina");
        room.pass(3_000);
        assert_eq!(room.see("mina").me, place);
    }
    assert_eq!(room.hearers("mina", 960), ["ines", "jonas"]);
}

#[test]
fn many_epochs_within_one_round_trip_are_followed() {
    let mut room = meeting(&["mina", "jonas", "leo", "sana"]);
    // 400 ms each way; three people leave within 100 ms.
    room.fate = Some(Box::new(|_, control| vec![if control { 400 } else { 40 }]));
    for name in ["jonas", "leo", "sana"] {
        room.command(name, Command::Leave);
        room.pass(30);
    }
    room.pass(3_000);
    assert_eq!(room.see("ines").active.unwrap().number, 8);
    assert!(room.common_code(&["ines", "mina"]).is_some());
    assert_eq!(room.see("mina").phase, Phase::Live);
    room.fate = None;
    assert_eq!(room.hearers("mina", 960), ["ines"]);
}

#[test]
fn everybody_asking_over_and_over_ends_nothing() {
    // A malicious member asks for a seat again and again.
    let mut room = Room::new();
    room.organizer(&["mina", "jonas"], Admission::Lobby);
    room.pass(1_100);
    for name in ["mina", "jonas"] {
        room.member(name, Vec::new());
        room.pass(2_500);
    }
    let jonas = identity("jonas");
    for _ in 0..20 {
        let (join, _) = room.ask(&jonas, |_| {});
        room.post(&join);
        room.pass(500);
    }
    assert_eq!(room.see("jonas").phase, Phase::Left(LeftWhy::Elsewhere));
    room.pass(30_000);
    assert_eq!(room.see("mina").phase, Phase::Live);
    assert!(room.common_code(&["ines", "mina"]).is_some());
    assert_eq!(room.hearers("mina", 960), ["ines"]);
}
