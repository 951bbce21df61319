//! The days of a standup: from first run to the next morning.

use std::sync::Arc;

use standfast_desk::{Desk, DeskOptions};
use standfast_ipc::{
    AppView, By, Chain, Command, ErrorCode, ExportForm, IdentityView, JoinTarget, JournalEvent,
    JournalView, KeyReason, LeftReason, MeetingPhase, MeetingView, Passphrase, Reply, Setting,
    Spoken, StandupPassphrase, Trust, TypedPassphrase,
};
use standfast_vault::{KeychainSource, ProfileName};

use crate::seat::{Place, Seat, Store, confirmed, without_relay};

fn journal_of(seat: &Seat, meeting: Option<String>) -> JournalView {
    let Reply::Journal { journal } = seat.ask(Command::ReadJournal { meeting }) else {
        panic!("no journal")
    };
    journal
}

/// What both devices saw of the day: three epochs, each confirmed by both, made by Ines.
fn tells_the_day(journal: &JournalView, by_ines: bool) {
    assert_eq!(journal.chain, Some(Chain::Complete { entries: journal.rows.len() as u64 }));
    let newest = &journal.timeline[0];
    assert_eq!((newest.epoch, newest.made_here, newest.made_by.as_str()), (3, by_ines, "Ines"));
    assert_eq!(newest.shared_with, ["Mina"]);
    let mut confirmed: Vec<&str> = newest.confirmations.iter().map(|c| c.name.as_str()).collect();
    confirmed.sort_unstable();
    assert_eq!(confirmed, ["Ines", "Mina"]);
    assert!(newest.in_use_at_ms.is_some() && newest.erased_at_ms.is_some());
    assert!(newest.confirmations.iter().all(|c| c.at_ms >= newest.made_at_ms));
    let joined = KeyReason::Joined { names: vec!["Mina".into()] };
    assert_eq!(journal.timeline[1].reason, joined);
    let made = journal.rows.iter().find_map(|row| match &row.event {
        JournalEvent::EpochMade { reason, .. } if row.epoch == Some(2) => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(made, Some(Some(joined)));
    let by = |wanted: &JournalEvent| {
        let row = journal.rows.iter().find(|row| row.event == *wanted);
        row.map(|row| row.by.clone())
    };
    let mina = By::Member { name: "Mina".into() };
    let ack = JournalEvent::Confirmed { name: "Mina".into() };
    assert_eq!(by(&ack), Some(if by_ines { mina.clone() } else { By::Here }));
    if by_ines {
        assert_eq!(by(&JournalEvent::Waits { name: "Mina".into() }), Some(mina));
    }
    let numbers: Vec<u64> = journal.rows.iter().rev().map(|row| row.n).collect();
    assert_eq!(numbers, (0..journal.rows.len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_standup_from_first_run_to_the_next_day() {
    let place = Place::new();
    let Place { address, dir, store, .. } = &place;
    let (ines, mina) = (place.seat("ines", "Ines"), place.seat("mina", "Mina"));
    let Reply::Standup { id } = ines.ask(Command::CreateStandup {
        title: "Harbour team".into(),
        relay: Some(address.clone()),
        passphrase: None,
    }) else {
        panic!("no standup")
    };
    let link = ines.see().standups[0].link.clone();

    // Mina is unknown: she waits in the lobby, her fingerprint shown, until Ines lets her in.
    ines.ask(Command::Join {
        target: JoinTarget::Standup { id: id.clone() },
        muted: true,
        code: None,
    });
    ines.meeting("an open meeting", confirmed(1));
    mina.ask(Command::Join { target: JoinTarget::Link { link }, muted: true, code: None });
    mina.meeting("the lobby", |m| matches!(m.phase, MeetingPhase::Lobby { .. }));
    let entry = ines
        .meeting("a knock", |m| m.lobby.first().is_some_and(|e| !e.fingerprint.words.is_empty()))
        .lobby[0]
        .clone();
    assert_eq!((entry.name.as_str(), entry.trust), ("Mina", Trust::NotVerified));
    let IdentityView::Ready { own, .. } = mina.see().identity else { panic!("no identity") };
    assert_eq!(entry.fingerprint.words, own.words, "the words at the door are Mina's");
    ines.ask(Command::Admit { request: entry.id });

    // One key, one code, on both.
    let (a, b) = (ines.meeting("two", confirmed(2)), mina.meeting("two", confirmed(2)));
    assert_eq!((a.epoch.unwrap().number, b.epoch.unwrap().number), (2, 2));
    assert_eq!(a.code, b.code);
    assert!(a.code.is_some());

    // Three words, the same on both.
    ines.ask(Command::StartSpokenCode);
    let said = |m: &MeetingView| matches!(m.spoken, Some(Spoken::Code { .. }));
    let (a, b) = (ines.meeting("three words", said), mina.meeting("three words", said));
    assert_eq!(a.spoken, b.spoken);

    // Verified once, remembered.
    ines.ask(Command::Verify { fingerprint: own.id });
    ines.meeting("a verified member", |m| {
        m.members.iter().any(|m| m.name == "Mina" && m.trust == Trust::Verified)
    });
    // A setting of a call that runs, which is remembered, too.
    mina.ask(Command::Set { setting: Setting::PlaceVoices { on: true } });
    ines.ask(Command::RotateNow);
    mina.meeting("a new key", |m| m.epoch.as_ref().is_some_and(|e| e.number == 3));

    // The end, for everyone; the journal stays.
    ines.ask(Command::EndForAll);
    for seat in [&ines, &mina] {
        seat.meeting("the end", |m| {
            matches!(
                m.phase,
                MeetingPhase::Ended { why: LeftReason::Ended, erased_at_ms: Some(_), .. }
            )
        });
        let kept = seat.until("a journal", |v| {
            v.recent.first().is_some_and(|r| r.epochs >= 2 && r.title == v.standups[0].title)
        });
        // The same journal before and after the ended screen, whole, and checked by anyone.
        let shown = journal_of(seat, None);
        seat.dismiss();
        let recent = Some(kept.recent[0].id.clone());
        let told = journal_of(seat, recent.clone());
        assert_eq!(told, shown);
        tells_the_day(&told, seat.see().display_name == "Ines");
        let ask = Command::ExportJournal { meeting: recent, form: ExportForm::Json };
        let Reply::Saved { path } = seat.ask(ask) else { panic!("not saved") };
        let whole = standfast_client::journal::verify(&std::fs::read_to_string(path).unwrap());
        assert_eq!(whole.unwrap().entries, told.rows.len());
    }

    // The next day, both start again: Mina is known, and her key was wrapped in advance.
    ines.desk.close();
    mina.desk.close();
    drop((ines, mina));
    let ines = Seat::open(dir.path(), store, "ines", address);
    let mina = Seat::open(dir.path(), store, "mina", address);
    let known =
        |v: &AppView| v.contacts.iter().any(|c| c.name == "Mina" && c.trust == Trust::Verified);
    ines.until("Mina among the contacts, verified", known);
    mina.until("the standup", |v| !v.standups.is_empty());
    assert!(mina.see().settings.place_voices && !ines.see().settings.place_voices);
    ines.ask(Command::Join {
        target: JoinTarget::Standup { id: id.clone() },
        muted: true,
        code: None,
    });
    ines.meeting("the invited", |m| m.members.len() == 2);
    mina.ask(Command::Join { target: JoinTarget::Standup { id }, muted: true, code: None });
    let (a, b) = (ines.meeting("two", confirmed(2)), mina.meeting("two", confirmed(2)));
    assert_eq!(
        (a.epoch.unwrap().number, b.epoch.unwrap().number),
        (1, 1),
        "within the first epoch"
    );
    assert_eq!(a.code, b.code);

    // The organizer leaves without ending it: whoever is next looks after the key.
    assert_eq!(ines.see().meeting.unwrap().successor.as_deref(), Some("Mina"));
    assert_eq!(mina.see().meeting.unwrap().successor, None);
    ines.desk.close();
    let here = |m: &MeetingView| m.heartbeat.as_ref().is_some_and(|h| h.here) && confirmed(1)(m);
    let alone = mina.meeting("the key in Mina's care", here);
    let takeover = alone.takeover.unwrap();
    assert_eq!((takeover.name.as_str(), takeover.before.as_str()), ("Mina", "Ines"));
    assert!(takeover.gone && alone.rights.end);
    mina.desk.close();
}

#[test]
fn a_standup_hosted_here_needs_no_other_relay() {
    let (_dir, ines, mina) = without_relay();
    let Reply::Standup { id } =
        ines.ask(Command::CreateStandup { title: "At home".into(), relay: None, passphrase: None })
    else {
        panic!("no standup")
    };
    let link = ines.see().standups[0].link.clone();
    ines.ask(Command::Join { target: JoinTarget::Standup { id }, muted: true, code: None });
    ines.meeting("an open meeting", confirmed(1));
    mina.ask(Command::Join { target: JoinTarget::Link { link }, muted: true, code: None });
    let request = ines.meeting("a knock", |m| !m.lobby.is_empty()).lobby[0].id.clone();
    ines.ask(Command::Admit { request });
    assert_eq!(ines.meeting("two", confirmed(2)).code, mina.meeting("two", confirmed(2)).code);
    mina.desk.close();
    ines.desk.close();
}

fn typed(text: &str, remember: bool) -> Option<TypedPassphrase> {
    Some(TypedPassphrase { text: Passphrase::new(text.into()), remember })
}

#[test]
fn a_passphrase_is_chosen_asked_for_proved_and_remembered() {
    let (_dir, ines, mina) = without_relay();
    let create =
        |passphrase| Command::CreateStandup { title: "Quiet room".into(), relay: None, passphrase };
    assert_eq!(ines.refused(create(typed(" ", true))), ErrorCode::PassphraseEmpty);
    assert!(ines.see().standups.is_empty());
    // Created to be asked for each time.
    let Reply::Standup { id } = ines.ask(create(typed("lighthouse keeper", false))) else {
        panic!("no standup")
    };
    let memory = |seat: &Seat, wanted| {
        seat.until("what is remembered", |v| v.standups.iter().any(|s| s.passphrase == wanted));
    };
    memory(&ines, StandupPassphrase::Asked);
    let link = ines.see().standups[0].link.clone();
    let join = || Command::Join {
        target: JoinTarget::Standup { id: id.clone() },
        muted: true,
        code: None,
    };
    let give = |passphrase| Command::GivePassphrase { id: id.clone(), passphrase };

    // The organizer opens it neither without nor under a mistyped one.
    assert_eq!(ines.refused(join()), ErrorCode::PassphraseMissing);
    ines.ask(give(None));
    assert_eq!(ines.refused(join()), ErrorCode::PassphraseMissing);
    assert_eq!(ines.refused(give(typed("lighthouse", true))), ErrorCode::PassphraseOther);
    ines.ask(give(typed("lighthouse keeper", true)));
    ines.ask(join());
    ines.meeting("an open meeting", confirmed(1));
    memory(&ines, StandupPassphrase::Remembered);

    // Mina has the link alone, then a wrong passphrase, then the right one, typed on another keyboard.
    mina.ask(Command::Join { target: JoinTarget::Link { link }, muted: true, code: None });
    let told = |given| move |m: &MeetingView| m.phase == MeetingPhase::Passphrase { given };
    mina.meeting("that there is a passphrase", told(false));
    assert_eq!(mina.see().standups[0].passphrase, StandupPassphrase::None);
    mina.ask(give(typed("lighthouse", true)));
    mina.ask(join());
    mina.meeting("that it is another", told(true));
    assert_eq!(mina.see().standups[0].passphrase, StandupPassphrase::None, "it proved nothing");
    assert!(ines.see().meeting.unwrap().lobby.is_empty(), "nobody noticed");
    mina.ask(give(typed("lighthouse\u{a0}keeper ", true)));
    mina.ask(join());
    let request = ines.meeting("a knock", |m| !m.lobby.is_empty()).lobby[0].id.clone();
    ines.ask(Command::Admit { request });
    assert_eq!(ines.meeting("two", confirmed(2)).code, mina.meeting("two", confirmed(2)).code);
    memory(&mina, StandupPassphrase::Remembered);

    // Forgotten, it is asked for again.
    mina.ask(Command::ForgetPassphrase { id: id.clone() });
    memory(&mina, StandupPassphrase::Asked);
    let choose = |passphrase| Command::ChoosePassphrase { id: id.clone(), passphrase };
    assert_eq!(mina.refused(choose(None)), ErrorCode::NotAllowed);
    // The organizer stops using one; what Mina remembers is then another, and none is right.
    mina.ask(Command::Leave);
    mina.meeting("the end", |m| matches!(m.phase, MeetingPhase::Ended { .. }));
    ines.ask(Command::EndForAll);
    ines.meeting("the end", |m| matches!(m.phase, MeetingPhase::Ended { .. }));
    ines.ask(choose(None));
    memory(&ines, StandupPassphrase::None);
    ines.ask(join());
    ines.meeting("an open meeting", |m| m.phase == MeetingPhase::Live);
    mina.ask(give(typed("lighthouse keeper", true)));
    mina.ask(join());
    mina.meeting("that it is another", told(true));
    mina.ask(give(None));
    mina.ask(join());
    mina.meeting("two", confirmed(2));
    memory(&mina, StandupPassphrase::None);
    mina.desk.close();
    ines.desk.close();
}

#[test]
fn a_profile_is_open_once() {
    let (dir, store): (_, Store) =
        (tempfile::tempdir().unwrap(), keyring_core::mock::Store::new().unwrap());
    let first = Seat::open(dir.path(), &store, "leo", "127.0.0.1:1");
    let again = Desk::open(DeskOptions {
        profile: ProfileName::new("leo").unwrap(),
        data_dir: Some(dir.path().to_owned()),
        relay: None,
        link: None,
        report: None,
        keychain: KeychainSource::Given(Arc::clone(&store)),
    });
    assert!(matches!(again, Err(standfast_vault::VaultError::InUse { .. })));
    first.desk.close();
}
