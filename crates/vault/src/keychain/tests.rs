use std::collections::HashMap;
use std::sync::Condvar;
use std::sync::atomic::AtomicUsize;

use keyring_core::api::{Credential, CredentialApi, CredentialStoreApi};
use keyring_core::{Entry, Error, mock};

use super::*;

const LIMIT: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(5);

/// A keychain whose reads or writes wait until the gate opens.
#[derive(Default)]
struct Gate {
    shut: Mutex<bool>,
    changed: Condvar,
    entered: AtomicUsize,
    stored: Mutex<Vec<Vec<u8>>>,
}

impl Gate {
    fn set(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.changed.notify_all();
    }

    fn pass(&self) {
        self.entered.fetch_add(1, Ordering::SeqCst);
        let shut = self.shut.lock().unwrap();
        drop(self.changed.wait_while(shut, |shut| *shut).unwrap());
    }

    fn until(&self, what: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !what(self) {
            assert!(began.elapsed() < PATIENCE, "waited in vain");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

#[derive(Clone)]
struct Gated(Arc<Gate>);

impl CredentialApi for Gated {
    fn set_secret(&self, secret: &[u8]) -> keyring_core::Result<()> {
        self.0.pass();
        self.0.stored.lock().unwrap().push(secret.to_vec());
        Ok(())
    }

    fn get_secret(&self) -> keyring_core::Result<Vec<u8>> {
        self.0.pass();
        self.0.stored.lock().unwrap().last().cloned().ok_or(Error::NoEntry)
    }

    fn delete_credential(&self) -> keyring_core::Result<()> {
        Ok(())
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

    fn debug_fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gated")
    }
}

impl CredentialStoreApi for Gated {
    fn vendor(&self) -> String {
        "gated".to_owned()
    }

    fn id(&self) -> String {
        "gated".to_owned()
    }

    fn build(
        &self,
        _: &str,
        _: &str,
        _: Option<&HashMap<&str, &str>>,
    ) -> keyring_core::Result<Entry> {
        Ok(Entry::new_with_credential(Arc::new(self.clone())))
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn debug_fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gated")
    }
}

fn gated() -> (Arc<Gate>, Arc<Keychain>) {
    let gate = Arc::new(Gate::default());
    let source = KeychainSource::Given(Arc::new(Gated(Arc::clone(&gate))));
    (gate, Arc::new(Keychain::new(source, LIMIT)))
}

fn read(keychain: &Arc<Keychain>) -> Pending<Stored> {
    keychain.start(|session| session.chain()?.read("x"))
}

fn write(keychain: &Arc<Keychain>, value: &'static [u8]) -> Pending<()> {
    keychain.start(|session| session.write(|chain| chain.write("x", value)))
}

#[test]
fn a_stuck_read_ends_at_the_limit_and_the_next_one_meets_a_fresh_worker() {
    let (gate, keychain) = gated();
    write(&keychain, b"v").wait().unwrap();
    gate.set(true);
    let began = Instant::now();
    let failure = read(&keychain).wait().unwrap_err();
    assert!(matches!(failure, Failure::NoAnswer { waited_ms } if waited_ms >= 400));
    assert!(began.elapsed() < LIMIT * 5);
    // The old worker is still inside; a new question reaches the keychain all the same.
    let entered = gate.entered.load(Ordering::SeqCst);
    let second = read(&keychain);
    gate.until(|g| g.entered.load(Ordering::SeqCst) == entered + 1);
    gate.set(false);
    assert_eq!(&second.wait().unwrap()[..], b"v");
}

#[test]
fn stopping_ends_the_wait_at_once() {
    let (gate, keychain) = gated();
    gate.set(true);
    let pending = read(&keychain);
    let stop = pending.stopper();
    let began = Instant::now();
    let stopping = thread::spawn(stop);
    assert_eq!(pending.wait().unwrap_err(), Failure::Stopped);
    assert!(began.elapsed() < LIMIT);
    stopping.join().unwrap();
    gate.set(false);
}

#[test]
fn a_late_write_never_overtakes_a_newer_one() {
    let (gate, keychain) = gated();
    gate.set(true);
    assert!(matches!(write(&keychain, b"old").wait(), Err(Failure::NoAnswer { .. })));
    let newer = write(&keychain, b"new");
    thread::sleep(LIMIT / 2);
    assert_eq!(gate.entered.load(Ordering::SeqCst), 1, "the newer write waits for the older");
    gate.set(false);
    newer.wait().unwrap();
    assert_eq!(*gate.stored.lock().unwrap(), [b"old".to_vec(), b"new".to_vec()]);
}

#[test]
fn a_write_whose_caller_gave_up_during_the_read_before_it_never_happens() {
    let (gate, keychain) = gated();
    gate.set(true);
    let pending = keychain.start(|session| {
        let _ = session.chain()?.read("x");
        session.write(|chain| chain.write("x", b"late"))
    });
    gate.until(|g| g.entered.load(Ordering::SeqCst) == 1);
    drop(pending);
    gate.set(false);
    // The fresh worker answers after the old one was let go; give that one time to misbehave.
    assert_eq!(read(&keychain).wait().unwrap_err(), Failure::NoEntry);
    thread::sleep(LIMIT);
    assert!(gate.stored.lock().unwrap().is_empty());
}

#[test]
fn a_queued_write_whose_caller_gave_up_never_happens() {
    let (gate, keychain) = gated();
    gate.set(true);
    let first = write(&keychain, b"first");
    gate.until(|g| g.entered.load(Ordering::SeqCst) == 1);
    drop(write(&keychain, b"second"));
    gate.set(false);
    first.wait().unwrap();
    assert_eq!(&read(&keychain).wait().unwrap()[..], b"first");
    assert_eq!(gate.stored.lock().unwrap().len(), 1);
}

#[test]
fn a_worker_that_was_left_behind_writes_nothing_for_those_who_still_wait() {
    let (gate, keychain) = gated();
    gate.set(true);
    let first = read(&keychain);
    gate.until(|g| g.entered.load(Ordering::SeqCst) == 1);
    let second = write(&keychain, b"late");
    drop(first);
    gate.set(false);
    assert!(matches!(second.wait(), Err(Failure::NoAnswer { .. })));
    assert!(gate.stored.lock().unwrap().is_empty());
}

#[test]
fn errors_that_carry_secrets_become_causes_that_do_not() {
    let secret = b"TOPSECRET".to_vec();
    let boxed = || Box::new(std::io::Error::other("TOPSECRET? no: reason"));
    let cases = [
        (Error::BadEncoding(secret.clone()), Failure::Damaged),
        (Error::BadDataFormat(secret, boxed()), Failure::Damaged),
        (Error::Ambiguous(Vec::new()), Failure::Several { count: 0 }),
        (Error::NoEntry, Failure::NoEntry),
        (Error::TooLong("x".to_owned(), 3), Failure::TooLong),
        (Error::NoStorageAccess(boxed()), Failure::Locked),
    ];
    for (err, expected) in cases {
        assert_eq!(chain::failure(err), expected);
    }
    let bytes = b"TOPSECRET".map(|b| b.to_string()).join(", ");
    let shown = format!("{:?}", chain::failure(Error::BadEncoding(b"TOPSECRET".to_vec())));
    assert!(!shown.contains("TOPSECRET") && !shown.contains(&bytes));
}

#[test]
fn an_entry_above_the_limit_is_neither_written_nor_believed() {
    let store = mock::Store::new().unwrap();
    let keychain = Arc::new(Keychain::new(KeychainSource::Given(store.clone()), PATIENCE));
    let long = vec![b'a'; KEYCHAIN_ENTRY_MAX + 1];
    store.build("standfast", "x", None).unwrap().set_secret(&long).unwrap();
    assert_eq!(read(&keychain).wait().unwrap_err(), Failure::Damaged);
    let failure = keychain
        .start(move |session| session.write(|chain| chain.write("y", &long)))
        .wait()
        .unwrap_err();
    assert_eq!(failure, Failure::TooLong);
}
