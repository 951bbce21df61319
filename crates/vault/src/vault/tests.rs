use std::path::Path;

use keyring_core::api::{Credential, CredentialApi, CredentialStoreApi};
use keyring_core::{Error, mock};

use super::*;
use crate::secrets::{SECRET_MAX, SecretError};

const NOW: u64 = 1_760_000_000_000;

struct Desk {
    root: tempfile::TempDir,
    store: Arc<mock::Store>,
}

impl Desk {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), store: mock::Store::new().unwrap() }
    }

    fn vault(&self, profile: &str) -> Vault {
        Vault::open(VaultOptions {
            profile: ProfileName::new(profile).unwrap(),
            data_dir: Some(self.root.path().to_owned()),
            keychain: KeychainSource::Given(self.store.clone()),
            keychain_timeout: Duration::from_secs(5),
        })
        .unwrap()
    }

    fn ask(&self, profile: &str) -> Result<Opened, Trouble> {
        self.vault(profile).ask(NOW)?.wait()
    }

    fn entry(&self, user: &str) -> keyring_core::Entry {
        self.store.build("standfast", user, None).unwrap()
    }

    fn fail_next(&self, user: &str, err: Error) {
        let entry = self.entry(user);
        entry.as_any().downcast_ref::<mock::Cred>().unwrap().set_error(err);
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.path().join("profile-leo").join(name)
    }
}

fn passphrase(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn trouble(result: Result<Opened, Trouble>) -> Trouble {
    match result {
        Err(trouble) => trouble,
        Ok(opened) => panic!("opened, new: {}", opened.is_new),
    }
}

/// How many of four encodings of `secret` any file under `dir` holds.
fn leaks(dir: &Path, secret: &[u8]) -> usize {
    let hex = crate::marker::hex(secret);
    let forms = [
        secret.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        Base64::encode_string(secret).into_bytes(),
    ];
    let mut found = 0;
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found += leaks(&entry.path(), secret);
        } else {
            let bytes = std::fs::read(entry.path()).unwrap();
            found += forms.iter().filter(|f| bytes.windows(f.len()).any(|w| w == **f)).count();
        }
    }
    found
}

#[test]
fn the_first_run_makes_a_key_and_the_second_finds_it() {
    let desk = Desk::new();
    assert_eq!(desk.vault("leo").whereabouts().unwrap(), Whereabouts::Nowhere);
    let first = desk.ask("leo").unwrap();
    assert!(first.is_new);
    drop(first.vault);
    let second = desk.ask("leo").unwrap();
    assert!(!second.is_new);
    assert!(second.seed.ct_eq(first.seed.expose()));
    assert!(matches!(
        second.vault.shared.past().unwrap().whereabouts(),
        Whereabouts::Keychain { since_ms: NOW, .. }
    ));
    assert_eq!(leaks(desk.root.path(), first.seed.expose()), 0);
    std::fs::write(desk.file("control"), crate::marker::hex(first.seed.expose())).unwrap();
    assert_eq!(leaks(desk.root.path(), first.seed.expose()), 1, "the search finds what is there");
    let stored = desk.entry("leo/identity-v1").get_password().unwrap();
    assert_eq!(stored.len(), 44, "base64 of 32 bytes");
}

#[test]
fn two_profiles_are_two_people() {
    let desk = Desk::new();
    let (leo, mina) = (desk.ask("leo").unwrap(), desk.ask("mina").unwrap());
    assert!(!leo.seed.ct_eq(mina.seed.expose()));
    leo.vault.put_secret("b/1", b"leo's", NOW).unwrap();
    assert!(matches!(mina.vault.secret("b/1"), Err(SecretError::NotThere)));
}

#[test]
fn no_failure_makes_a_new_key_or_touches_the_marker() {
    let desk = Desk::new();
    let first = desk.ask("leo").unwrap();
    drop(first.vault);
    let marker = std::fs::read(desk.file(MARKER_FILE)).unwrap();
    let other = || Box::new(std::io::Error::other("x"));
    let failures = [
        (Error::NoStorageAccess(other()), Trouble::Locked),
        (Error::BadEncoding(vec![0xff]), Unclear::DamagedEntry.into()),
        (Error::Ambiguous(Vec::new()), Unclear::Several { count: 0 }.into()),
        (Error::PlatformFailure(other()), Unclear::UnknownAnswer { detail: "x".to_owned() }.into()),
    ];
    for (err, expected) in failures {
        desk.fail_next("leo/identity-v1", err);
        assert_eq!(trouble(desk.ask("leo")), expected);
        let again = desk.ask("leo").unwrap();
        assert!(!again.is_new && again.seed.ct_eq(first.seed.expose()));
    }
    assert_eq!(std::fs::read(desk.file(MARKER_FILE)).unwrap(), marker);
}

#[test]
fn a_failed_first_read_makes_no_key() {
    let desk = Desk::new();
    desk.fail_next("leo/identity-v1", Error::NoStorageAccess(Box::new(std::fmt::Error)));
    assert_eq!(trouble(desk.ask("leo")), Trouble::Locked);
    assert!(matches!(desk.entry("leo/identity-v1").get_secret(), Err(Error::NoEntry)));
    assert!(!desk.file(MARKER_FILE).exists());
}

#[test]
fn a_missing_keychain_offers_a_file_only_to_who_never_had_a_key() {
    let desk = Desk::new();
    desk.fail_next("leo/identity-v1", Error::NoDefaultStore);
    assert!(matches!(trouble(desk.ask("leo")), Trouble::Absent { .. }));
    drop(desk.ask("leo").unwrap());
    desk.fail_next("leo/identity-v1", Error::NoDefaultStore);
    assert!(matches!(
        trouble(desk.ask("leo")),
        Trouble::BackendMissing { since_ms: Some(NOW), .. }
    ));
    let refused = desk.vault("leo").create_file(&passphrase("correct horse"), NOW);
    assert_eq!(trouble(refused), Trouble::KeyExists);
}

#[test]
fn a_deleted_entry_is_gone_not_replaced() {
    let desk = Desk::new();
    drop(desk.ask("leo").unwrap());
    desk.entry("leo/identity-v1").delete_credential().unwrap();
    for _ in 0..2 {
        assert!(matches!(trouble(desk.ask("leo")), Trouble::EntryGone { since_ms: Some(NOW), .. }));
    }
    // Without the marker, the database still knows that there was a key.
    std::fs::remove_file(desk.file(MARKER_FILE)).unwrap();
    assert_eq!(desk.vault("leo").whereabouts().unwrap(), Whereabouts::Unknown);
    assert!(matches!(trouble(desk.ask("leo")), Trouble::EntryGone { since_ms: None, .. }));
}

#[test]
fn a_damaged_or_foreign_entry_is_refused() {
    let desk = Desk::new();
    let first = desk.ask("leo").unwrap();
    let good = desk.entry("leo/identity-v1").get_password().unwrap();
    drop(first.vault);
    for bad in ["", "!", &good[..43], &good[..40], &format!("{good}A"), &format!("{good}\n")] {
        desk.entry("leo/identity-v1").set_password(bad).unwrap();
        assert_eq!(trouble(desk.ask("leo")), Unclear::DamagedEntry.into(), "{} long", bad.len());
    }
    let other = Base64::encode_string(&[9; 32]);
    desk.entry("leo/identity-v1").set_password(&other).unwrap();
    assert_eq!(trouble(desk.ask("leo")), Unclear::AnotherKey.into());
    desk.entry("leo/identity-v1").set_password(&good).unwrap();
    assert!(desk.ask("leo").unwrap().seed.ct_eq(first.seed.expose()));
    // The marker alone knows the key, and so does the database alone.
    for known_by_the_other in [DATABASE_FILE, MARKER_FILE] {
        desk.entry("leo/identity-v1").set_password(&good).unwrap();
        drop(desk.ask("leo").unwrap());
        std::fs::remove_file(desk.file(known_by_the_other)).unwrap();
        desk.entry("leo/identity-v1").set_password(&other).unwrap();
        assert_eq!(trouble(desk.ask("leo")), Unclear::AnotherKey.into());
    }
}

#[test]
fn a_damaged_marker_is_mended_only_if_the_database_vouches_for_the_key() {
    let desk = Desk::new();
    drop(desk.ask("leo").unwrap());
    std::fs::write(desk.file(MARKER_FILE), "{").unwrap();
    drop(desk.ask("leo").unwrap());
    assert!(matches!(desk.vault("leo").whereabouts().unwrap(), Whereabouts::Keychain { .. }));

    std::fs::write(desk.file(MARKER_FILE), "{").unwrap();
    std::fs::remove_file(desk.file(DATABASE_FILE)).unwrap();
    assert_eq!(trouble(desk.ask("leo")), Unclear::DamagedMarker.into());
    desk.entry("leo/identity-v1").delete_credential().unwrap();
    assert_eq!(trouble(desk.ask("leo")), Unclear::DamagedMarker.into());
}

#[test]
fn an_entry_without_a_profile_is_taken_over() {
    let desk = Desk::new();
    let first = desk.ask("leo").unwrap();
    drop(first.vault);
    std::fs::remove_dir_all(desk.root.path().join("profile-leo")).unwrap();
    let again = desk.ask("leo").unwrap();
    assert!(!again.is_new && again.seed.ct_eq(first.seed.expose()));
}

#[test]
fn another_desktops_keychain_is_named() {
    let past = |backend: &str| Past {
        marker: Some(Ok(Marker::new(KeptIn::Keychain, backend, &Secret::from_fn(|_| {}), NOW))),
        is_bound: true,
        has_file: false,
    };
    assert!(matches!(
        past("GNOME Keyring").gone("KDE Wallet"),
        Trouble::BackendMissing { backend, .. } if backend == "GNOME Keyring"
    ));
    assert!(matches!(past("GNOME Keyring").gone("GNOME Keyring"), Trouble::EntryGone { .. }));
    assert!(matches!(past("GNOME Keyring").gone(SOME_KEYCHAIN), Trouble::EntryGone { .. }));
}

#[test]
fn starting_as_a_new_person_sets_the_old_one_aside() {
    let desk = Desk::new();
    let first = desk.ask("leo").unwrap();
    desk.entry("leo/identity-v1").delete_credential().unwrap();
    let vault = Vault { shared: Arc::clone(&first.vault.shared) };
    assert!(matches!(vault.start_as_new_person(NOW), Err(VaultError::InUse { .. })));
    drop(first.vault);
    let vault = desk.vault("leo").start_as_new_person(NOW).unwrap();
    let second = vault.ask(NOW).unwrap().wait().unwrap();
    assert!(second.is_new && !second.seed.ct_eq(first.seed.expose()));
    let aside = desk.file(&format!("replaced-{NOW}"));
    assert!(aside.join(MARKER_FILE).exists() && aside.join(DATABASE_FILE).exists());
}

#[test]
fn a_profile_in_a_file() {
    let desk = Desk::new();
    let made = desk.vault("leo").create_file(&passphrase("correct horse"), NOW).unwrap();
    assert!(made.is_new);
    made.vault.put_secret("b/1", b"prekey", NOW).unwrap();
    drop(made.vault);
    assert_eq!(
        trouble(desk.ask("leo")),
        Trouble::NeedsPassphrase { since_ms: Some(NOW) },
        "the keychain is not even asked"
    );
    let wrong = desk.vault("leo").open_file(&passphrase("wrong horse"), NOW);
    assert_eq!(trouble(wrong), Trouble::WrongPassphrase);
    let opened = desk.vault("leo").open_file(&passphrase("correct horse"), NOW).unwrap();
    assert!(opened.seed.ct_eq(made.seed.expose()));
    assert_eq!(&opened.vault.take_secret("b/1").unwrap()[..], b"prekey");
    assert!(matches!(opened.vault.take_secret("b/1"), Err(SecretError::NotThere)));
    assert!(opened.vault.secret_list().unwrap().is_empty());
    assert_eq!(leaks(desk.root.path(), made.seed.expose()), 0);
    drop(opened.vault);

    // The marker can be lost, the file cannot.
    std::fs::remove_file(desk.file(MARKER_FILE)).unwrap();
    assert_eq!(trouble(desk.ask("leo")), Trouble::NeedsPassphrase { since_ms: None });
    std::fs::remove_file(desk.file(file_vault::FILE_NAME)).unwrap();
    let gone = desk.vault("leo").open_file(&passphrase("correct horse"), NOW);
    assert!(matches!(trouble(gone), Trouble::EntryGone { .. }));
    let again = desk.vault("leo").create_file(&passphrase("correct horse"), NOW);
    assert_eq!(trouble(again), Trouble::KeyExists);
}

#[test]
fn secrets_are_put_listed_read_taken_once_and_deleted() {
    let desk = Desk::new();
    let opened = desk.ask("leo").unwrap();
    let vault = &opened.vault;
    let prekey = [0xc3; 32 + 64 + 16];
    vault.put_secret("bundle/01", &prekey, NOW).unwrap();
    vault.put_secret("bundle/02", &[1; SECRET_MAX], NOW + 1).unwrap();
    let stored = desk.entry("leo/secret/bundle/02").get_secret().unwrap();
    assert_eq!(stored.len(), crate::keychain::KEYCHAIN_ENTRY_MAX);
    let names: Vec<_> = vault.secret_list().unwrap().into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["bundle/01", "bundle/02"]);
    assert_eq!(leaks(desk.root.path(), &prekey), 0);

    assert_eq!(&vault.secret("bundle/01").unwrap()[..], prekey);
    desk.fail_next("leo/secret/bundle/01", Error::NoStorageAccess(Box::new(std::fmt::Error)));
    assert!(matches!(vault.take_secret("bundle/01"), Err(SecretError::Trouble(Trouble::Locked))));
    assert_eq!(&vault.take_secret("bundle/01").unwrap()[..], prekey);
    assert!(matches!(vault.take_secret("bundle/01"), Err(SecretError::NotThere)));
    vault.delete_secret("bundle/02").unwrap();
    vault.delete_secret("bundle/02").unwrap();
    assert!(vault.secret_list().unwrap().is_empty());

    for bad in ["", "A", "a b", "a\0", &"a".repeat(65)] {
        assert!(matches!(vault.put_secret(bad, b"x", NOW), Err(SecretError::BadName)));
    }
    let long = [0; SECRET_MAX + 1];
    assert!(matches!(vault.put_secret("x", &long, NOW), Err(SecretError::TooLong)));
}

/// A keychain that keeps something else than what was written.
#[derive(Clone)]
struct Bending {
    bend: fn(&[u8]) -> Vec<u8>,
    kept: Arc<Mutex<Option<Vec<u8>>>>,
}

impl CredentialApi for Bending {
    fn set_secret(&self, secret: &[u8]) -> keyring_core::Result<()> {
        *self.kept.lock().unwrap() = Some((self.bend)(secret));
        Ok(())
    }

    fn get_secret(&self) -> keyring_core::Result<Vec<u8>> {
        self.kept.lock().unwrap().clone().ok_or(Error::NoEntry)
    }

    fn delete_credential(&self) -> keyring_core::Result<()> {
        self.kept.lock().unwrap().take().map(drop).ok_or(Error::NoEntry)
    }

    fn get_credential(&self) -> keyring_core::Result<Option<Arc<Credential>>> {
        Ok(None)
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        None
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn debug_fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bending")
    }
}

impl CredentialStoreApi for Bending {
    fn vendor(&self) -> String {
        "bending".to_owned()
    }

    fn id(&self) -> String {
        "bending".to_owned()
    }

    fn build(
        &self,
        _: &str,
        _: &str,
        _: Option<&std::collections::HashMap<&str, &str>>,
    ) -> keyring_core::Result<keyring_core::Entry> {
        Ok(keyring_core::Entry::new_with_credential(Arc::new(self.clone())))
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn debug_fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bending")
    }
}

fn bent(bend: fn(&[u8]) -> Vec<u8>) -> (Result<Opened, Trouble>, bool, bool) {
    let root = tempfile::tempdir().unwrap();
    let store = Bending { bend, kept: Arc::default() };
    let vault = Vault::open(VaultOptions {
        data_dir: Some(root.path().to_owned()),
        keychain: KeychainSource::Given(Arc::new(store.clone())),
        ..VaultOptions::for_profile(ProfileName::default())
    })
    .unwrap();
    let opened = vault.ask(NOW).unwrap().wait();
    let kept = store.kept.lock().unwrap().is_some();
    (opened, kept, vault.directory().join(MARKER_FILE).exists())
}

#[test]
fn a_keychain_that_keeps_only_utf_8_keeps_the_key() {
    let (opened, ..) = bent(|secret| String::from_utf8_lossy(secret).into_owned().into_bytes());
    assert!(opened.unwrap().is_new);
}

#[test]
fn a_keychain_that_does_not_keep_what_was_written_is_not_trusted() {
    for bend in [|_: &[u8]| Base64::encode_string(&[0; 32]).into_bytes(), |_: &[u8]| Vec::new()] {
        let (opened, kept, marked) = bent(bend);
        assert_eq!(trouble(opened), Unclear::NotKept.into());
        assert!(!kept && !marked, "nothing stays behind");
    }
}
