use standfast_crypto::PassphraseKey;

use super::*;

fn seed(byte: u8) -> Secret<32> {
    Secret::from_fn(|out| out.fill(byte))
}

fn store() -> Store {
    Store::open(Database::in_memory(), &seed(1)).unwrap()
}

fn device(byte: u8) -> Device {
    Device::first_seen([byte; 32], u64::from(byte))
}

fn meeting() -> StoredMeeting {
    StoredMeeting {
        meeting_id: [3; 16],
        relay: "relay.example:7443".to_owned(),
        relay_cert: None,
        link_epoch: 1,
        organizer: [1; 32],
        title: "Kernel standup".to_owned(),
        members: vec![[1; 32], [2; 32]],
        schedule: Some(Schedule {
            weekdays: 0b001_1111,
            minute_of_day: 570,
            time_zone: "Europe/Berlin".to_owned(),
        }),
        last_met_ms: None,
        deputies: Some(vec![7; 300]),
    }
}

#[test]
fn verification_is_kept_withdrawn_and_bound_to_its_contact() {
    let store = store();
    let leo = store.add_contact("Leo", &device(1)).unwrap();
    let mina = store.add_contact("Mina", &device(2)).unwrap();
    store.verify(&[1; 32], 99).unwrap();
    let trust = |fp: u8| {
        let contact = store.contact_by_fingerprint(&[fp; 32]).unwrap().unwrap();
        contact.devices.into_iter().find(|d| d.fingerprint == [fp; 32]).unwrap().trust
    };
    assert_eq!(trust(1), Trust::Verified { at_ms: 99 });
    assert_eq!(trust(2), Trust::NotVerified);

    let new = Device { trust: Trust::VouchedFor { by: [1; 32] }, ..device(4) };
    store.pin_device(leo, &new).unwrap();
    assert_eq!(store.contact(leo).unwrap().unwrap().devices.len(), 2);
    assert!(matches!(store.pin_device(mina, &device(1)), Err(StoreError::PinnedElsewhere)));
    assert!(matches!(store.add_contact("X", &device(1)), Err(StoreError::PinnedElsewhere)));
    assert_eq!(store.contacts().unwrap().len(), 2, "a refused contact leaves nothing behind");

    store.withdraw_verification(&[1; 32]).unwrap();
    assert_eq!(trust(1), Trust::NotVerified);
    assert_eq!(trust(4), Trust::NotVerified, "vouched for by a device that is verified no more");

    store.rename_contact(leo, "Leonard").unwrap();
    store.set_volume(&[1; 32], 500).unwrap();
    let leo_now = store.contact(leo).unwrap().unwrap();
    assert_eq!((leo_now.name.as_str(), leo_now.devices[0].volume_percent), ("Leonard", 200));
    store.unpin_device(&[4; 32]).unwrap();
    store.delete_contact(leo).unwrap();
    assert!(store.contact_by_fingerprint(&[1; 32]).unwrap().is_none());
    assert!(matches!(store.verify(&[1; 32], 1), Err(StoreError::NotFound { .. })));
}

#[test]
fn a_device_row_moved_to_another_contact_does_not_open() {
    let store = store();
    store.add_contact("Leo", &device(1)).unwrap();
    let mina = store.add_contact("Mina", &device(2)).unwrap();
    store.verify(&[1; 32], 99).unwrap();
    store.db.lock().execute("UPDATE devices SET contact = ?1", params![mina.0]).unwrap();
    assert!(matches!(store.contact(mina), Err(StoreError::DoesNotOpen { table: "devices" })));
}

#[test]
fn a_meeting_keeps_its_link_secret_apart() {
    let store = store();
    let mut meeting = meeting();
    assert!(matches!(store.update_meeting(&meeting), Err(StoreError::NotFound { .. })));
    store.put_meeting(&meeting, &Secret::from_fn(|out| out.fill(0x77))).unwrap();
    meeting.title = "Standup".to_owned();
    store.update_meeting(&meeting).unwrap();
    assert_eq!(store.meetings().unwrap(), [meeting.clone()]);
    assert_eq!(store.meeting(&[3; 16]).unwrap(), Some(meeting));
    assert!(store.link_secret(&[3; 16]).unwrap().unwrap().ct_eq(&[0x77; 16]));
    store.delete_meeting(&[3; 16]).unwrap();
    assert!(store.link_secret(&[3; 16]).unwrap().is_none());
}

#[test]
fn a_meetings_passphrase_is_remembered_forgotten_and_cleared() {
    let store = store();
    let id = [3; 16];
    let key = PassphraseKey::restore(Secret::from_fn(|out| out.fill(0x55)));
    let refused = store.put_passphrase(&id, &key, true);
    assert!(matches!(refused, Err(StoreError::NotFound { what: "meeting" })));
    store.put_meeting(&meeting(), &Secret::from_fn(|out| out.fill(0x77))).unwrap();
    assert!(store.passphrase(&id).unwrap().is_none());
    let known = || store.passphrase(&id).unwrap().unwrap();
    store.put_passphrase(&id, &key, true).unwrap();
    assert!(known().key.unwrap().secret().ct_eq(&[0x55; 32]));
    // What else is kept of the meeting does not touch it.
    store.update_meeting(&meeting()).unwrap();
    store.put_meeting(&meeting(), &Secret::from_fn(|out| out.fill(0x78))).unwrap();
    assert!(known().key.is_some());
    store.forget_passphrase(&id).unwrap();
    assert!(known().key.is_none());
    assert_eq!(known().check, key.check());
    store.put_passphrase(&id, &key, false).unwrap();
    assert!(known().key.is_none());
    store.clear_passphrase(&id).unwrap();
    assert!(store.passphrase(&id).unwrap().is_none());
    store.forget_passphrase(&id).unwrap();
    assert!(store.passphrase(&id).unwrap().is_none(), "forgetting makes none up");
}

#[test]
fn a_passphrase_moved_to_another_meeting_does_not_open() {
    let store = store();
    let key = PassphraseKey::restore(Secret::from_fn(|out| out.fill(0x55)));
    let other = StoredMeeting { meeting_id: [4; 16], ..meeting() };
    for meeting in [&meeting(), &other] {
        store.put_meeting(meeting, &Secret::from_fn(|out| out.fill(0x77))).unwrap();
    }
    store.put_passphrase(&[3; 16], &key, true).unwrap();
    store
        .db
        .lock()
        .execute(
            "UPDATE meetings SET sealed_passphrase =
             (SELECT max(sealed_passphrase) FROM meetings)",
            [],
        )
        .unwrap();
    assert!(store.passphrase(&[3; 16]).is_ok());
    assert!(matches!(store.passphrase(&[4; 16]), Err(StoreError::DoesNotOpen { .. })));
}

#[test]
fn a_database_of_the_first_version_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(DATABASE_FILE);
    {
        let store = Store::open(Database::open(&path).unwrap(), &seed(1)).unwrap();
        store.put_meeting(&meeting(), &Secret::from_fn(|out| out.fill(0x77))).unwrap();
        let db = store.db.lock();
        db.execute_batch("ALTER TABLE meetings DROP COLUMN sealed_passphrase").unwrap();
        db.pragma_update(None, "user_version", 1).unwrap();
    }
    let store = Store::open(Database::open(&path).unwrap(), &seed(1)).unwrap();
    assert!(store.passphrase(&[3; 16]).unwrap().is_none());
    assert_eq!(store.meeting(&[3; 16]).unwrap(), Some(meeting()));
}

#[test]
fn journals_come_newest_first() {
    let store = store();
    let head = |n: u32| JournalHead {
        meeting_id: [3; 16],
        title: "Standup".to_owned(),
        began_ms: 1,
        ended_ms: 2,
        entries: n,
    };
    let first = store.add_journal(&head(1), b"one").unwrap();
    let second = store.add_journal(&head(2), b"two").unwrap();
    assert_eq!(store.journals().unwrap(), [(second, head(2)), (first, head(1))]);
    assert_eq!(&store.journal(first).unwrap().unwrap()[..], b"one");
    store.delete_journal(first).unwrap();
    assert!(store.journal(first).unwrap().is_none());
    let long = vec![0; JOURNAL_MAX + 1];
    assert!(matches!(store.add_journal(&head(3), &long), Err(StoreError::BadValue { .. })));
}

#[test]
fn settings_and_private_settings() {
    let store = store();
    let settings = Settings { db: store.db.clone() };
    assert_eq!(settings.get::<String>("theme").unwrap(), None);
    settings.set("theme", &"dark").unwrap();
    settings.set("theme", &"light").unwrap();
    assert_eq!(settings.get::<String>("theme").unwrap().as_deref(), Some("light"));
    assert_eq!(settings.get::<u32>("theme").unwrap(), None, "another shape counts as unset");
    settings.clear("theme").unwrap();
    assert_eq!(settings.get::<String>("theme").unwrap(), None);
    store.set_private_setting("name", &"Sana").unwrap();
    assert_eq!(store.private_setting::<String>("name").unwrap().as_deref(), Some("Sana"));
    let long = "x".repeat(SETTING_MAX);
    assert!(matches!(settings.set("theme", &long), Err(StoreError::BadValue { .. })));
}

#[test]
fn a_mark_only_rises() {
    let store = store();
    assert_eq!(store.mark("seq").unwrap(), None);
    assert!(store.raise_mark("seq", 5).unwrap());
    assert!(!store.raise_mark("seq", 5).unwrap());
    assert!(!store.raise_mark("seq", 4).unwrap());
    assert_eq!(store.mark("seq").unwrap(), Some(5));
    assert!(store.raise_mark("seq", u64::MAX).is_err());
}

#[test]
fn another_identity_does_not_open_the_database() {
    let database = Database::in_memory();
    Store::open(database.clone(), &seed(1)).unwrap();
    Store::open(database.clone(), &seed(1)).unwrap();
    assert!(matches!(
        Store::open(database, &seed(2)),
        Err(StoreError::DoesNotOpen { table: "owner" })
    ));
}

#[test]
fn the_file_names_nobody_is_private_and_survives_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(DATABASE_FILE);
    {
        let store = Store::open(Database::open(&path).unwrap(), &seed(1)).unwrap();
        store.add_contact("Leonhard Euler", &device(0xa1)).unwrap();
        store.put_meeting(&meeting(), &Secret::from_fn(|out| out.fill(0x77))).unwrap();
        let key = PassphraseKey::restore(Secret::from_fn(|out| out.fill(0x55)));
        store.put_passphrase(&[3; 16], &key, true).unwrap();
        store.set_private_setting("own name", &"Emmy Noether").unwrap();
        store.raise_mark("secret mark name", 3).unwrap();
    }
    let bytes = std::fs::read(&path).unwrap();
    for hidden in [
        &b"Euler"[..],
        b"Noether",
        b"Kernel",
        b"relay.example",
        b"own name",
        b"mark name",
        &[0xa1; 8],
        &[0x77; 8],
        &[0x55; 8],
        &[3; 16],
    ] {
        assert!(!bytes.windows(hidden.len()).any(|w| w == hidden), "{hidden:?}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let store = Store::open(Database::open(&path).unwrap(), &seed(1)).unwrap();
    assert_eq!(store.contacts().unwrap()[0].name, "Leonhard Euler");
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(DATABASE_FILE);
    drop(Database::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
    assert!(matches!(Database::open(&path), Err(StoreError::Newer { found: 9 })));
}
