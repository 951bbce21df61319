use standfast_crypto::{Identity, Secret};
use standfast_wire::codec::List;
use standfast_wire::control::{Admission, Hosts, Policy, Reason};

use super::*;
use crate::Now;
use crate::journal::Journal;
use crate::session::ident_of;

const MEETING: [u8; 16] = [7; 16];
const SESSION: Hash = [9; 32];

fn identity(n: u8) -> Identity {
    Identity::from_seed(Secret::from_fn(|seed| seed.fill(n)))
}

fn announce(epoch: u32, draw: u8) -> EpochAnnounce {
    EpochAnnounce {
        term: 1,
        epoch,
        generator: identity(1).fingerprint().0,
        gen_ek: [draw; 32],
        prev_h: [3; 32],
        reason: Reason::Timer,
        locked: false,
        roster: List::default(),
        succession: List::default(),
        key_commit: [4; 32],
        min_ms: 0,
        max_ms: 0,
        orders: List::default(),
        merged_h: None,
    }
}

fn signed<T: Field>(by: &Identity, kind: Kind, message: &T) -> Statement {
    let scope = Scope { meeting_id: MEETING, session_id: SESSION };
    let body = to_bytes(message);
    let sig = by.sign(&scope, kind.label(), &body);
    statement((body, sig)).unwrap()
}

fn said(message: &EpochAnnounce) -> Statement {
    signed(&identity(1), Kind::Announce, message)
}

fn pair(first: Statement, second: Statement) -> Exhibit {
    let ident = ident_of(&identity(1));
    Exhibit::TwoAnnounces { session_id: SESSION, ident, first, second }
}

fn two(epoch: u32, draw: u8) -> Exhibit {
    pair(said(&announce(epoch, 0)), said(&announce(epoch, draw)))
}

fn other() -> Exhibit {
    let policy =
        Policy { admission: Admission::Lobby, hosts: Hosts::Scheduled, rotate_ms: 300_000 };
    let ident = ident_of(&identity(1));
    let (scheduled, deputies) = (List::default(), None);
    let open =
        MeetingOpen { session_id: SESSION, ident: ident.clone(), policy, scheduled, deputies };
    let open = signed(&identity(1), Kind::Open, &open);
    Exhibit::OtherSession { session_id: SESSION, ident, open }
}

#[test]
fn two_announces_prove_themselves_by_their_signatures() {
    assert!(two(5, 1).holds(MEETING));
    assert!(!two(5, 1).holds([8; 16]), "of another meeting");
    assert!(!two(5, 0).holds(MEETING), "one announce twice");
    let other = said(&announce(6, 1));
    assert!(!pair(said(&announce(5, 0)), other).holds(MEETING), "of two epochs");
    let term = said(&EpochAnnounce { term: 2, ..announce(5, 1) });
    assert!(!pair(said(&announce(5, 0)), term).holds(MEETING), "of two terms");
    let forged = signed(&identity(2), Kind::Announce, &announce(5, 1));
    assert!(!pair(said(&announce(5, 0)), forged).holds(MEETING), "one by somebody else");
    let ack = signed(&identity(1), Kind::Ack, &announce(5, 1));
    assert!(!pair(said(&announce(5, 0)), ack).holds(MEETING), "signed as something else");
}

#[test]
fn an_exhibit_flipped_anywhere_holds_no_more() {
    for exhibit in [two(5, 1), other()] {
        let bytes = to_bytes(&exhibit);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let holds = from_bytes::<Exhibit>(&flipped).is_ok_and(|e| e.holds(MEETING));
            assert!(!holds, "bit {bit}");
        }
    }
}

#[test]
fn one_cheat_does_not_crowd_out_the_others() {
    let mut evidence = Evidence::default();
    let kept = (1..50).filter(|n| evidence.keep(MEETING, two(5, *n)).is_some()).count();
    assert_eq!(kept, EACH_MAX);
    assert!(evidence.keep(MEETING, other()).is_some());
    assert!(evidence.keep(MEETING, other()).is_none(), "kept already");
    for n in 0..50u16 {
        let (h_e, under, frame_h) = ([1; 32], [2; 32], [n as u8; 32]);
        evidence.keep(MEETING, Exhibit::ForgedFrame { h_e, under, stream: 0, frame_h, bytes: n });
    }
    assert_eq!(evidence.exhibits().len(), EACH_MAX + 1 + EACH_MAX);
    assert!(evidence.bytes <= BYTES_MAX);
}

#[test]
fn what_proves_nothing_is_not_kept() {
    let mut evidence = Evidence::default();
    assert!(evidence.keep(MEETING, two(5, 0)).is_none());
    assert!(evidence.exhibits().is_empty());
}

/// A journal with two exhibits, signed.
fn journal() -> SignedJournal {
    let (mut evidence, mut journal) =
        (Evidence::default(), Journal::new(identity(2).fingerprint()));
    for exhibit in [two(5, 1), other()] {
        journal.note(evidence.keep(MEETING, exhibit).unwrap(), Now::default());
    }
    journal.sign(&identity(2), MEETING, evidence.exhibits(), Now::default())
}

fn with(change: impl FnOnce(&mut Vec<Exhibit>)) -> Result<Fingerprint, JournalFault> {
    let journal = journal();
    let mut exhibits = journal.evidence.clone().into_vec();
    change(&mut exhibits);
    SignedJournal { evidence: List::new(exhibits).unwrap(), ..journal }.verify()
}

#[test]
fn a_journal_brings_every_exhibit_that_it_names_and_no_other() {
    assert_eq!(with(|_| {}), Ok(identity(2).fingerprint()));
    assert_eq!(with(|e| drop(e.pop())), Err(JournalFault::Exhibit(1)), "one left out");
    assert_eq!(with(|e| e.push(two(5, 2))), Err(JournalFault::Exhibit(2)), "one put in");
    assert_eq!(with(|e| e[1] = two(6, 1)), Err(JournalFault::Exhibit(1)), "another one");
    assert_eq!(with(|e| e[1] = e[0].clone()), Err(JournalFault::Exhibit(1)), "one twice");
}

#[test]
fn who_writes_a_journal_cannot_accuse_falsely() {
    let forged = signed(&identity(2), Kind::Announce, &announce(5, 1));
    let exhibit = pair(said(&announce(5, 0)), forged);
    let mut journal = Journal::new(identity(2).fingerprint());
    let (charge, against) = (exhibit.charge(), exhibit.against().map(|fp| fp.0));
    let exhibit_h = exhibit.hash();
    journal.note(Event::Evidence { charge, against, exhibit_h }, Now::default());
    let signed = journal.sign(&identity(2), MEETING, &[exhibit], Now::default());
    assert_eq!(signed.verify(), Err(JournalFault::Exhibit(0)));
}
