use standfast_crypto::Secret;
use standfast_wire::codec::{List, from_bytes};
use standfast_wire::control::{Reason, Role, State};

use super::*;

fn identity(n: u8) -> Identity {
    Identity::from_seed(Secret::from_fn(|seed| seed.fill(n)))
}

fn at(ms: u64) -> Now {
    Now { mono_ms: ms, wall_ms: 1_800_000_000_000 + ms }
}

fn announced(epoch: u32) -> Event {
    let me = identity(1).fingerprint();
    let line = |idx: u16, fp| Listed { idx, fp, role: Role::Person, state: State::In };
    Event::EpochAnnounced {
        epoch,
        term: 1,
        h: [epoch as u8; 32],
        reason: Reason::Join,
        generator: me.0,
        roster: List::new(vec![line(0, me.0), line(1, [2; 32])]).unwrap(),
        wrapped: List::new(vec![1]).unwrap(),
        who: List::new(vec![Named::new(Fingerprint([2; 32]), "Mina")]).unwrap(),
        locked: false,
    }
}

/// Two epochs, the first replaced by the second.
fn journal() -> Journal {
    let mut journal = Journal::new(identity(1).fingerprint());
    journal.session_id = [9; 32];
    let events = [
        Event::SessionOpened { session_id: [9; 32], open_h: [8; 32] },
        announced(1),
        Event::Acked { epoch: 1, by: identity(1).fingerprint().0 },
        Event::Acked { epoch: 1, by: [2; 32] },
        Event::AllConfirmed { epoch: 1, members: 2, after_ms: 40 },
        Event::InUse { epoch: 1 },
        announced(2),
    ];
    for (ms, event) in (0..).zip(events) {
        journal.note(event, at(ms * 10));
    }
    journal.in_use(2, at(100));
    journal.erased(1, at(5_100));
    journal
}

fn sign(journal: &mut Journal) -> SignedJournal {
    journal.sign(&identity(1), [7; 16], &[], at(9_000))
}

fn with(journal: &SignedJournal, change: impl FnOnce(&mut Vec<JournalEntry>)) -> SignedJournal {
    let mut entries = journal.entries.clone().into_vec();
    change(&mut entries);
    SignedJournal { entries: List::new(entries).unwrap(), ..journal.clone() }
}

#[test]
fn a_whole_journal_is_known_as_such() {
    let signed = sign(&mut journal());
    assert_eq!(signed.verify(), Ok(identity(1).fingerprint()));
    assert_eq!(SignedJournal::from_bytes(&signed.to_bytes()), Ok(signed));
    let nothing = sign(&mut Journal::new(identity(1).fingerprint()));
    assert_eq!(nothing.verify(), Ok(identity(1).fingerprint()));
}

#[test]
fn the_entry_that_was_changed_is_named() {
    let signed = sign(&mut journal());
    let last = signed.entries.as_slice().len() - 1;
    for n in 0..=last {
        let broken = Err(JournalFault::Broken(n as u64));
        assert_eq!(with(&signed, |e| e[n].wall_ms += 1).verify(), broken, "time of {n}");
        assert_eq!(with(&signed, |e| e[n].event = Event::AllErased {}).verify(), broken);
        if n > 0 {
            assert_eq!(with(&signed, |e| drop(e.remove(n))).verify(), broken, "without {n}");
            assert_eq!(with(&signed, |e| e.swap(n - 1, n)).verify(), broken, "swapped {n}");
        }
    }
    assert_eq!(with(&signed, |e| drop(e.remove(0))).verify(), Err(JournalFault::Cut));
    assert_eq!(with(&signed, Vec::clear).verify(), Err(JournalFault::Cut));
    let more = with(&signed, |e| e.push(e[last].clone()));
    assert_eq!(more.verify(), Err(JournalFault::Broken(last as u64 - 1)));
}

#[test]
fn a_chain_that_was_made_anew_needs_the_signature() {
    let signed = sign(&mut journal());
    // The same entries, one told otherwise, by somebody without the key.
    let mut other = Journal::new(identity(1).fingerprint());
    other.session_id = [9; 32];
    for entry in signed.entries.as_slice() {
        let told = if entry.n == 3 { Event::AllErased {} } else { entry.event.clone() };
        let now = Now { mono_ms: 0, wall_ms: entry.wall_ms };
        other.note(told, now);
    }
    let forged = other.sign(&identity(2), [7; 16], &[], at(9_000));
    assert_eq!(forged.verify(), Ok(identity(2).fingerprint()), "signed by another, and says so");
    let forged = SignedJournal { ident: signed.ident.clone(), ..forged };
    assert_eq!(forged.verify(), Err(JournalFault::NotSigned));
    let forged = SignedJournal { sig: signed.sig, ..forged };
    assert_eq!(forged.verify(), Err(JournalFault::NotSigned));
}

#[test]
fn no_flipped_bit_passes_in_a_journal() {
    let bytes = sign(&mut journal()).to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let read = SignedJournal::from_bytes(&flipped).and_then(|journal| journal.verify());
        assert!(read.is_err(), "bit {bit}");
    }
}

#[test]
fn the_life_of_an_epoch_is_told_from_the_entries() {
    let mut journal = journal();
    let records = journal.records();
    let (first, second) = (&records[0], &records[1]);
    assert_eq!((first.epoch, first.made_ms), (1, at(10).wall_ms));
    assert_eq!((first.confirmed, first.members), (2, 2));
    assert_eq!(first.all_confirmed_after_ms, Some(40));
    assert_eq!(first.in_use_ms, Some(at(50).wall_ms));
    assert_eq!(first.retired_ms, Some(at(100).wall_ms));
    assert_eq!(first.erased_ms, Some(at(5_100).wall_ms));
    assert_eq!((first.who.as_slice(), first.made_here), (["Mina".to_owned()].as_slice(), true));
    assert_eq!(first.wrapped, [Fingerprint([2; 32])]);
    assert_eq!((second.confirmed, second.in_use_ms), (0, Some(at(100).wall_ms)));
    assert_eq!((second.retired_ms, second.erased_ms), (None, None));
    assert_eq!(sign(&mut journal).records(), records, "and told anew by whoever reads it");
    journal.erased_all(at(6_000));
    journal.erased_all(at(7_000));
    assert_eq!(journal.records()[1].erased_ms, Some(at(6_000).wall_ms));
    assert_eq!(sign(&mut journal).entries.as_slice().last().unwrap().event, Event::AllErased {});
}

fn refused(signed: &SignedJournal) -> Vec<u64> {
    let entries = signed.entries.as_slice().iter();
    let counts = entries.filter_map(|entry| match entry.event {
        Event::Refused { count, .. } => Some(count),
        _ => None,
    });
    counts.collect()
}

#[test]
fn a_flood_of_refusals_is_counted() {
    let mut journal = journal();
    let before = journal.next;
    for ms in 0..100_000u64 {
        let by = (ms % 2 == 0).then_some(Fingerprint([3; 32]));
        journal.refused(Refusal::NotAuthentic, by, at(ms));
    }
    let signed = sign(&mut journal);
    // Each kind at once, after a minute, and what is left at the end.
    assert_eq!(signed.head.entries, before + 6);
    assert_eq!(refused(&signed).iter().sum::<u64>(), 100_000);
    assert_eq!(signed.verify(), Ok(identity(1).fingerprint()));
}

#[test]
fn refusals_of_many_authors_are_nobodys() {
    let mut journal = journal();
    for n in 0..10_000u64 {
        let mut fp = [0; 32];
        fp[..8].copy_from_slice(&n.to_be_bytes());
        journal.refused(Refusal::Stale, Some(Fingerprint(fp)), at(n));
    }
    let signed = sign(&mut journal);
    assert!(refused(&signed).len() <= 66, "{}", refused(&signed).len());
    assert_eq!(refused(&signed).iter().sum::<u64>(), 10_000);
}

#[test]
fn outsiders_fill_no_journal() {
    let mut journal = journal();
    for ms in 0..20_000 {
        journal.pulse(if ms % 2 == 0 { Pulse::Stale } else { Pulse::Steady }, at(ms));
    }
    journal.note(announced(3), at(20_000));
    let signed = sign(&mut journal);
    assert_eq!(signed.head.from, 0, "nothing made room");
    assert!(signed.entries.as_slice().len() < Journal::OUTSIDE_MAX + 20);
    let entries = signed.entries.as_slice();
    let [.., told, left_out] = entries else { panic!("short") };
    assert_eq!(told.event, announced(3));
    let outside = Journal::OUTSIDE_MAX as u64 - 1; // one was the session's own opening: not outside
    let Event::Omitted { count } = left_out.event else { panic!("{left_out:?}") };
    assert!((20_000 - outside - 2..=20_000 - outside).contains(&count), "{count}");
}

#[test]
fn the_oldest_make_room() {
    let mut journal = journal();
    for epoch in 3..12_000 {
        journal.note(Event::InUse { epoch }, at(epoch.into()));
    }
    let signed = sign(&mut journal);
    assert_eq!(signed.entries.as_slice().len(), Journal::MAX);
    assert_eq!(signed.head.from + Journal::MAX as u64, signed.head.entries);
    assert_eq!(signed.verify(), Ok(identity(1).fingerprint()));
    assert_eq!(with(&signed, |e| drop(e.remove(0))).verify(), Err(JournalFault::Cut));
    // And by bytes: rosters of 500.
    let line = |idx: u16| Listed { idx, fp: [7; 32], role: Role::Person, state: State::In };
    let roster = List::new((0..500).map(line).collect()).unwrap();
    for epoch in 0..100 {
        let Event::EpochAnnounced { h, reason, generator, wrapped, who, .. } = announced(epoch)
        else {
            panic!("not an announce");
        };
        let (term, locked, roster) = (1, false, roster.clone());
        let event = Event::EpochAnnounced {
            epoch,
            term,
            h,
            reason,
            generator,
            roster,
            wrapped,
            who,
            locked,
        };
        journal.note(event, at(epoch.into()));
    }
    let signed = sign(&mut journal);
    assert!(signed.to_bytes().len() < Journal::BYTES_MAX + 2_000);
    assert_eq!(signed.verify(), Ok(identity(1).fingerprint()));
}

#[test]
fn asking_again_is_no_news() {
    let mut journal = journal();
    let before = journal.next;
    for ms in 0..10 {
        journal.pulse(Pulse::Steady, at(ms));
    }
    assert_eq!(journal.next, before);
}

/// Frozen: whoever reads a journal hashes the same bytes.
#[test]
fn an_entry_has_one_encoding() {
    let entry = JournalEntry {
        n: 31,
        prev: [1; 32],
        wall_ms: 1_800_000_000_000,
        event: Event::Refused {
            cause: Cause::NotAllowed,
            by: Some([2; 32]),
            count: 70_000,
            since_ms: 1_799_999_999_000,
        },
    };
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(from_bytes(&entry.to_bytes()), Ok(entry.clone()));
    assert_eq!(hex(&entry.to_bytes()), ENTRY);
    assert_eq!(hex(&entry.hash()), ENTRY_HASH);
    assert_eq!(hex(&sign(&mut journal()).sig), SIG);
}

const ENTRY: &str = "84181f582001010101010101010101010101010101010101010101010101010101010101011b000001a3185c500085181802582002020202020202020202020202020202020202020202020202020202020202021a000111701b000001a3185c4c18";
const ENTRY_HASH: &str = "47c2d87c595d37790a19867d0b42f03ba06d07b79433aa6394c7f6e3895ccbf1";
const SIG: &str = "57e7090dd234e7490ce2fb932b06562d69a0bacff863a2abb218b148e06a57b0bdc08979fcefdaa872a3e302d4af665dbe08859694c992fcb234e26d268b570e";
