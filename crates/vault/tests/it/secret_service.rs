//! K-1 to K-11: each state of the keychain, what the vault says, and that nobody becomes new.

use std::collections::HashMap;

use base64ct::{Base64, Encoding};
use secret_service::EncryptionType;
use secret_service::blocking::SecretService;

use crate::desk::Desk;

/// Within this a keychain that is not there must be known to be not there.
const ABSENT_WITHIN_MS: u64 = 2_000;

const ATTRIBUTES: [(&str, &str); 2] = [("service", "standfast"), ("username", "leo/identity-v1")];

fn on_service<T>(desk: &Desk, act: impl Fn(&SecretService<'_>) -> T) -> T {
    let service =
        SecretService::connect_with_existing(EncryptionType::Dh, desk.connection()).unwrap();
    act(&service)
}

fn overwrite(desk: &Desk, secret: &[u8]) {
    on_service(desk, |service| {
        let found = service.search_items(HashMap::from(ATTRIBUTES)).unwrap();
        assert_eq!(found.unlocked.len(), 1);
        found.unlocked[0].set_secret(secret, "text/plain").unwrap();
    });
}

#[test]
fn made_once_and_found_by_every_later_process_also_after_the_daemon_restarts() {
    let Some(mut desk) = Desk::with_keyring() else { return };
    let first = desk.open("leo");
    let (who, is_new) = first.who();
    assert!(is_new);
    assert_eq!(desk.open("leo").who(), (who, false));
    desk.stop_keyring();
    desk.start_keyring(true);
    assert_eq!(desk.open("leo").who(), (who, false));
    let marker = std::fs::read_to_string(desk.path("data/profile-leo/identity.json")).unwrap();
    assert!(marker.contains("GNOME Keyring"), "{marker}");
    let stored = on_service(&desk, |service| {
        let found = service.search_items(HashMap::from(ATTRIBUTES)).unwrap();
        assert_eq!(found.unlocked[0].get_label().unwrap(), "Standfast leo/identity-v1");
        found.unlocked[0].get_secret().unwrap()
    });
    assert_eq!(Base64::decode_vec(std::str::from_utf8(&stored).unwrap()).unwrap().len(), 32);
}

#[test]
fn two_profiles_live_side_by_side() {
    let Some(desk) = Desk::with_keyring() else { return };
    let (leo, mina) = std::thread::scope(|scope| {
        let leo = scope.spawn(|| desk.open("leo"));
        let mina = scope.spawn(|| desk.open("mina"));
        (leo.join().unwrap(), mina.join().unwrap())
    });
    assert_ne!(leo.who().0, mina.who().0);
    assert_eq!(desk.open("leo").who(), (leo.who().0, false));
    assert_eq!(desk.open("mina").who(), (mina.who().0, false));
}

#[test]
fn no_bus_at_all() {
    let Some(mut desk) = Desk::with_bus() else { return };
    let without = [("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")];
    let report = desk.open_with("leo", &without);
    assert_eq!(report.cause(), "absent", "{report:?}");
    assert!(report.answered_ms() < ABSENT_WITHIN_MS);

    desk.start_keyring(true);
    let made = desk.open("leo");
    let report = desk.open_with("leo", &without);
    assert_eq!(report.cause(), "backend_missing", "{report:?}");
    assert_eq!(report.0["trouble"]["backend"], "GNOME Keyring");
    assert_eq!(desk.open("leo").who(), (made.who().0, false));
}

#[test]
fn a_bus_without_the_service() {
    let Some(mut desk) = Desk::with_bus() else { return };
    let report = desk.open("leo");
    assert_eq!(report.cause(), "absent", "{report:?}");
    assert!(report.answered_ms() < ABSENT_WITHIN_MS);

    desk.start_keyring(true);
    let made = desk.open("leo");
    desk.stop_keyring();
    let report = desk.open("leo");
    assert_eq!(report.cause(), "backend_missing", "{report:?}");
    assert!(report.answered_ms() < ABSENT_WITHIN_MS);
    desk.start_keyring(true);
    assert_eq!(desk.open("leo").who(), (made.who().0, false));
}

#[test]
fn a_service_without_a_default_collection() {
    let Some(mut desk) = Desk::with_bus() else { return };
    // As on a minimal system: the daemon runs, nobody ever chose a password for a collection.
    desk.start_keyring(false);
    let report = desk.open("leo");
    assert_eq!(report.cause(), "absent", "{report:?}");
    assert!(report.answered_ms() < ABSENT_WITHIN_MS);
}

#[test]
fn the_item_is_deleted_while_the_marker_says_it_exists() {
    let Some(desk) = Desk::with_keyring() else { return };
    desk.open("leo").who();
    on_service(&desk, |service| {
        let found = service.search_items(HashMap::from(ATTRIBUTES)).unwrap();
        found.unlocked[0].delete().unwrap();
    });
    for _ in 0..2 {
        let report = desk.open("leo");
        assert_eq!(report.cause(), "entry_gone", "{report:?}");
        assert_eq!(report.0["trouble"]["since_ms"], 1_760_000_000_000_u64);
    }
}

#[test]
fn the_item_is_damaged_foreign_or_there_twice() {
    let Some(desk) = Desk::with_keyring() else { return };
    desk.open("leo").who();
    for bad in [&b"not base64!"[..], b"", &[0xff; 32], &[b'A'; 700]] {
        overwrite(&desk, bad);
        assert_eq!(desk.open("leo").kind(), "damaged_entry");
    }
    overwrite(&desk, Base64::encode_string(&[9; 32]).as_bytes());
    assert_eq!(desk.open("leo").kind(), "another_key");
    on_service(&desk, |service| {
        let collection = service.get_default_collection().unwrap();
        let attributes = HashMap::from(ATTRIBUTES);
        collection.create_item("twin", attributes, b"x", false, "text/plain").unwrap();
    });
    let report = desk.open("leo");
    assert_eq!(report.kind(), "several", "{report:?}");
    assert_eq!(report.0["trouble"]["what"]["count"], 2);
}

#[test]
fn locked_then_unlocked() {
    let Some(mut desk) = Desk::with_keyring() else { return };
    let made = desk.open("leo");
    desk.stop_keyring();
    desk.start_keyring(false);
    // Nobody can show the prompt on this bus, which the daemon reports as dismissed.
    let report = desk.open("leo");
    assert_eq!(report.cause(), "locked", "{report:?}");
    // A first run makes no key either, while it cannot know what the keychain holds.
    let other = desk.open("mina");
    assert_eq!(other.cause(), "locked", "{other:?}");
    desk.unlock_keyring();
    assert_eq!(desk.open("leo").who(), (made.who().0, false));
}

#[test]
fn a_daemon_that_hangs() {
    let Some(desk) = Desk::with_keyring() else { return };
    let made = desk.open("leo");
    desk.signal_keyring("STOP");
    let report = desk.open_with("leo", &[("ACT_TIMEOUT_MS", "1500")]);
    assert_eq!(report.cause(), "no_answer", "{report:?}");
    assert!((1_500..2_500).contains(&report.answered_ms()), "{report:?}");
    assert!(report.0["asked_ms"].as_u64().unwrap() < 200, "asking itself never waits");
    let report = desk.open_with("leo", &[("ACT_STOP", "1")]);
    assert_eq!(report.cause(), "stopped", "{report:?}");
    assert!(report.answered_ms() < 1_000, "{report:?}");
    // A first run that times out leaves nothing that a later one could trip over.
    let report = desk.open_with("mina", &[("ACT_TIMEOUT_MS", "500")]);
    assert_eq!(report.cause(), "no_answer", "{report:?}");
    desk.signal_keyring("CONT");
    assert_eq!(desk.open("leo").who(), (made.who().0, false));
    assert!(desk.open("mina").who().1);
}

#[test]
fn a_service_that_owns_the_name_and_never_answers() {
    let Some(desk) = Desk::with_bus() else { return };
    let listener = Deaf::claim(&desk);
    let report = desk.open_with("leo", &[("ACT_TIMEOUT_MS", "1000")]);
    assert_eq!(report.cause(), "no_answer", "{report:?}");
    drop(listener);
    assert_eq!(desk.open("leo").cause(), "absent");
}

/// Owns `org.freedesktop.secrets` and swallows every call: a connection without an object server
/// answers nothing.
struct Deaf(
    #[expect(dead_code, reason = "holds the name until dropped")] zbus::blocking::Connection,
);

impl Deaf {
    fn claim(desk: &Desk) -> Self {
        let connection = desk.connection();
        connection.request_name("org.freedesktop.secrets").unwrap();
        Self(connection)
    }
}
