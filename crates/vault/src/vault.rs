//! A profile: first its directory and settings, then, once the identity is there, everything.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};
use standfast_crypto::Secret;
use zeroize::Zeroizing;

use crate::disk::DiskError;
use crate::file_vault::{self, FileVault};
use crate::keychain::{
    Failure, KEYCHAIN_TIMEOUT, Keychain, KeychainSource, Pending, Session, Stored,
};
use crate::marker::{KeptIn, MARKER_FILE, Marker};
use crate::profile::{self, ProfileDir, ProfileName};
use crate::secrets::Secrets;
use crate::store::{DATABASE_FILE, Database, Settings, Store, StoreError};
use crate::trouble::{Trouble, Unclear};

/// The keychain's name where we could not learn it.
pub(crate) const SOME_KEYCHAIN: &str = "the Secret Service";

/// Where a profile lies and how its keychain is asked.
#[derive(Debug, Clone)]
pub struct VaultOptions {
    /// Which profile.
    pub profile: ProfileName,
    /// The directory of all profiles; `None` is `STANDFAST_DATA_DIR` or the system's default.
    pub data_dir: Option<PathBuf>,
    /// Which keychain.
    pub keychain: KeychainSource,
    /// How long one question to it may take.
    pub keychain_timeout: Duration,
}

impl VaultOptions {
    /// The system's directory and keychain, 30 s.
    #[must_use]
    pub fn for_profile(profile: ProfileName) -> Self {
        Self {
            profile,
            data_dir: None,
            keychain: KeychainSource::Native,
            keychain_timeout: KEYCHAIN_TIMEOUT,
        }
    }
}

/// The profile cannot be opened at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Another process has this profile open. Two of them would share one identity.
    #[error("profile {profile} is already open in another window or program")]
    InUse {
        /// Its name.
        profile: String,
    },
    /// The system names no directory for application data.
    #[error("no directory for application data; set STANDFAST_DATA_DIR")]
    NoDataDir,
    /// The directory cannot be created, read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where this profile's identity is, as far as the disk knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "place", rename_all = "snake_case")]
pub enum Whereabouts {
    /// There never was one: asking the keychain makes it, and a passphrase file may be offered.
    Nowhere,
    /// In a keychain.
    Keychain {
        /// Its name.
        backend: String,
        /// Milliseconds since 1970.
        since_ms: u64,
    },
    /// In a file under a passphrase.
    File {
        /// Milliseconds since 1970.
        since_ms: Option<u64>,
    },
    /// There was one, but the marker does not say where.
    Unknown,
}

/// A profile whose identity is not open yet. Cheap to clone; all clones are one profile.
#[derive(Clone)]
pub struct Vault {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    options: VaultOptions,
    dir: ProfileDir,
    pub(crate) keychain: Arc<Keychain>,
    pub(crate) database: Database,
}

/// The identity and what it opens.
pub struct Opened {
    /// The identity seed. Make the identity from it and let it go.
    pub seed: Secret<32>,
    /// Whether the key was made just now.
    pub is_new: bool,
    /// Contacts, meetings, prekey secrets.
    pub vault: OpenVault,
}

/// A profile with its identity open. Holds derived keys, not the seed.
pub struct OpenVault {
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Store,
    pub(crate) secrets: Secrets,
}

impl Vault {
    /// Opens (or creates) the profile's directory, takes its lock and opens its database. Never
    /// asks the keychain and never waits.
    pub fn open(options: VaultOptions) -> Result<Self, VaultError> {
        let root = match &options.data_dir {
            Some(root) => root.clone(),
            None => profile::default_root()?,
        };
        let dir = ProfileDir::hold(&root, &options.profile)?;
        let database = Database::open(&dir.file(DATABASE_FILE))?;
        let source = options.keychain.clone();
        let keychain = Arc::new(Keychain::new(source, options.keychain_timeout));
        Ok(Self { shared: Arc::new(Shared { options, dir, keychain, database }) })
    }

    /// Which profile this is.
    #[must_use]
    pub fn profile(&self) -> &ProfileName {
        &self.shared.options.profile
    }

    /// The profile's directory.
    #[must_use]
    pub fn directory(&self) -> &std::path::Path {
        self.shared.dir.path()
    }

    /// Settings in clear; usable before the identity is open.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings { db: self.shared.database.clone() }
    }

    /// Where the identity is, as far as the disk knows.
    pub fn whereabouts(&self) -> Result<Whereabouts, Trouble> {
        Ok(self.shared.past()?.whereabouts())
    }

    /// Starts asking the keychain; returns at once. Finds the identity or, if there never was one,
    /// makes it. A profile in a passphrase file is [`Trouble::NeedsPassphrase`] right away.
    ///
    /// `now_ms`: milliseconds since 1970, for the marker.
    pub fn ask(&self, now_ms: u64) -> Result<Asking, Trouble> {
        let past = self.shared.past()?;
        if let Whereabouts::File { since_ms } = past.whereabouts() {
            return Err(Trouble::NeedsPassphrase { since_ms });
        }
        let user = self.shared.identity_user();
        let may_make = !past.was_there();
        let pending = self.shared.keychain.start(move |session| find(session, &user, may_make));
        Ok(Asking { pending, shared: Arc::clone(&self.shared), past, now_ms })
    }

    /// Makes the identity in a passphrase file, because the person chose that. Refused if this
    /// profile has or had a key. Takes a good part of a second (Argon2id, 64 MiB).
    pub fn create_file(
        &self,
        passphrase: &Zeroizing<String>,
        now_ms: u64,
    ) -> Result<Opened, Trouble> {
        if self.shared.past()?.was_there() {
            return Err(Trouble::KeyExists);
        }
        let seed = fresh_seed().map_err(|detail| Trouble::Disk { detail })?;
        let file = FileVault::create(&self.shared.vault_file(), passphrase, &seed)?;
        Marker::new(KeptIn::File, "a passphrase file", &seed, now_ms)
            .save(&self.shared.dir.file(MARKER_FILE))?;
        self.shared.opened(seed, true, Secrets::File(Mutex::new(file)))
    }

    /// Opens the passphrase file. As slow as [`Self::create_file`], also with a wrong passphrase.
    pub fn open_file(
        &self,
        passphrase: &Zeroizing<String>,
        now_ms: u64,
    ) -> Result<Opened, Trouble> {
        let past = self.shared.past()?;
        let since_ms = past.since_ms();
        let Some(file) = FileVault::open(&self.shared.vault_file(), passphrase)? else {
            let backend = "a passphrase file".to_owned();
            return Err(Trouble::EntryGone { backend, since_ms });
        };
        let seed = file.seed()?;
        self.shared.settle_marker(&past, KeptIn::File, "a passphrase file", &seed, now_ms)?;
        self.shared.opened(seed, false, Secrets::File(Mutex::new(file)))
    }

    /// "Start as a new person": sets marker, database and passphrase file aside in a subdirectory
    /// (nothing is destroyed, nothing is deleted from a keychain), so that the next
    /// [`Self::ask`] finds a profile that never had a key. Ask the person twice before.
    ///
    /// [`VaultError::InUse`] while anything of this profile is still open.
    pub fn start_as_new_person(self, now_ms: u64) -> Result<Self, VaultError> {
        let shared = Arc::try_unwrap(self.shared)
            .map_err(|s| VaultError::InUse { profile: s.options.profile.to_string() })?;
        let Shared { options, dir, database, .. } = shared;
        drop(database);
        dir.set_aside(&[MARKER_FILE, DATABASE_FILE, file_vault::FILE_NAME], now_ms)?;
        drop(dir);
        Self::open(options)
    }
}

impl OpenVault {
    /// Contacts, meetings, private settings, journals.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Settings in clear.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings { db: self.shared.database.clone() }
    }
}

/// What the disk says about the identity's past.
struct Past {
    marker: Option<Result<Marker, crate::marker::DamagedMarker>>,
    is_bound: bool,
    has_file: bool,
}

impl Past {
    /// Any trace counts. Only without one may a key be made.
    fn was_there(&self) -> bool {
        self.marker.is_some() || self.is_bound || self.has_file
    }

    fn marker(&self) -> Option<&Marker> {
        self.marker.as_ref().and_then(|marker| marker.as_ref().ok())
    }

    fn since_ms(&self) -> Option<u64> {
        self.marker().map(|marker| marker.since_ms)
    }

    fn backend(&self) -> String {
        self.marker().map_or_else(|| SOME_KEYCHAIN.to_owned(), |marker| marker.backend.clone())
    }

    fn whereabouts(&self) -> Whereabouts {
        match self.marker() {
            Some(Marker { kept_in: KeptIn::Keychain, backend, since_ms, .. }) => {
                Whereabouts::Keychain { backend: backend.clone(), since_ms: *since_ms }
            }
            Some(Marker { kept_in: KeptIn::File, since_ms, .. }) => {
                Whereabouts::File { since_ms: Some(*since_ms) }
            }
            None if self.has_file => Whereabouts::File { since_ms: None },
            None if self.was_there() => Whereabouts::Unknown,
            None => Whereabouts::Nowhere,
        }
    }

    /// The cause for the person, from what the keychain did and what was before.
    fn trouble(&self, failure: Failure) -> Trouble {
        match failure {
            Failure::Locked => Trouble::Locked,
            Failure::NoAnswer { waited_ms } => Trouble::NoAnswer { waited_ms },
            Failure::Stopped => Trouble::Stopped,
            Failure::Absent { detail } if self.was_there() => Trouble::BackendMissing {
                backend: self.backend(),
                since_ms: self.since_ms(),
                detail,
            },
            Failure::Absent { detail } => Trouble::Absent { detail },
            Failure::NoEntry => self.gone(SOME_KEYCHAIN),
            Failure::Several { count } => Unclear::Several { count }.into(),
            Failure::Damaged => Unclear::DamagedEntry.into(),
            Failure::TooLong => Unclear::UnknownAnswer { detail: "too long".to_owned() }.into(),
            Failure::Unknown { detail } => Unclear::UnknownAnswer { detail }.into(),
        }
    }

    /// The entry is not in the keychain that answers now, whose name is `answering`. If that is
    /// another one than the marker names, the desktop was switched: nothing is lost.
    fn gone(&self, answering: &str) -> Trouble {
        let (backend, since_ms) = (self.backend(), self.since_ms());
        let known = |name: &str| name != SOME_KEYCHAIN;
        if known(&backend) && known(answering) && backend != answering {
            let detail = format!("{answering} answers instead");
            return Trouble::BackendMissing { backend, since_ms, detail };
        }
        match self.marker {
            Some(Err(_)) => Unclear::DamagedMarker.into(),
            _ => Trouble::EntryGone { backend, since_ms },
        }
    }
}

impl Shared {
    fn past(&self) -> Result<Past, Trouble> {
        Ok(Past {
            marker: Marker::load(&self.dir.file(MARKER_FILE))?,
            is_bound: self.database.is_bound().map_err(store_trouble)?,
            has_file: self.vault_file().exists(),
        })
    }

    fn vault_file(&self) -> PathBuf {
        self.dir.file(file_vault::FILE_NAME)
    }

    fn identity_user(&self) -> String {
        format!("{}/identity-v1", self.options.profile)
    }

    /// The keychain user for a named secret. No profile name holds a slash, so none can collide.
    pub(crate) fn secret_user(&self, name: &str) -> String {
        format!("{}/secret/{name}", self.options.profile)
    }

    /// Checks the key that was found against what the disk remembers, and writes or mends the
    /// marker. Nothing is written if any of it disagrees.
    fn settle_marker(
        &self,
        past: &Past,
        kept_in: KeptIn,
        backend: &str,
        seed: &Secret<32>,
        now_ms: u64,
    ) -> Result<(), Trouble> {
        if past.marker().is_some_and(|marker| !marker.is_for(seed)) {
            return Err(Unclear::AnotherKey.into());
        }
        if past.is_bound {
            Store::open(self.database.clone(), seed).map_err(store_trouble)?;
        } else if matches!(past.marker, Some(Err(_))) {
            return Err(Unclear::DamagedMarker.into());
        }
        let same = |m: &Marker| m.kept_in == kept_in && m.backend == backend;
        if past.marker().is_some_and(same) {
            return Ok(());
        }
        let since_ms = past.since_ms().unwrap_or(now_ms);
        let marker = Marker::new(kept_in, backend, seed, since_ms);
        Ok(marker.save(&self.dir.file(MARKER_FILE))?)
    }

    fn opened(
        self: &Arc<Self>,
        seed: Secret<32>,
        is_new: bool,
        secrets: Secrets,
    ) -> Result<Opened, Trouble> {
        let store = Store::open(self.database.clone(), &seed).map_err(store_trouble)?;
        let vault = OpenVault { shared: Arc::clone(self), store, secrets };
        Ok(Opened { seed, is_new, vault })
    }
}

fn store_trouble(err: StoreError) -> Trouble {
    match err {
        StoreError::DoesNotOpen { .. } => Unclear::AnotherKey.into(),
        other => Trouble::Disk { detail: other.to_string() },
    }
}

/// A question to the keychain that is under way. Dropping it stops asking.
pub struct Asking {
    pending: Pending<Found>,
    shared: Arc<Shared>,
    past: Past,
    now_ms: u64,
}

/// Ends an [`Asking`] from any thread.
#[derive(Clone)]
pub struct StopAsking(Arc<dyn Fn() + Send + Sync>);

impl StopAsking {
    /// The waiting thread returns [`Trouble::Stopped`] unless the answer came first.
    pub fn stop(&self) {
        (self.0)();
    }
}

impl fmt::Debug for StopAsking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopAsking")
    }
}

impl Asking {
    /// How long we have been asking: the counter "Asking… 12 of 30 s".
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.pending.elapsed()
    }

    /// When asking ends by itself.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.pending.limit()
    }

    /// The "Stop asking" button.
    #[must_use]
    pub fn stopper(&self) -> StopAsking {
        StopAsking(Arc::new(self.pending.stopper()))
    }

    /// Blocks until the answer, the stop or the limit.
    pub fn wait(self) -> Result<Opened, Trouble> {
        let Self { pending, shared, past, now_ms } = self;
        match pending.wait().map_err(|failure| past.trouble(failure))? {
            Found::Key { seed, backend, is_new } => {
                shared.settle_marker(&past, KeptIn::Keychain, &backend, &seed, now_ms)?;
                tracing::info!(is_new, %backend, "identity open");
                shared.opened(seed, is_new, Secrets::Keychain)
            }
            Found::Gone { backend } => Err(past.gone(&backend)),
            Found::NotKept => Err(Unclear::NotKept.into()),
        }
    }
}

/// What the keychain gave.
enum Found {
    Key { seed: Secret<32>, backend: String, is_new: bool },
    Gone { backend: String },
    NotKept,
}

/// Reads the identity; makes it if there is clearly none and `may_make`. On the worker thread.
fn find(session: &mut Session, user: &str, may_make: bool) -> Result<Found, Failure> {
    let chain = session.chain()?;
    let backend = chain.backend().to_owned();
    let mut read = chain.read(user);
    if read == Err(Failure::NoEntry) {
        chain.settle(may_make)?;
        read = chain.read(user);
    }
    match read {
        Ok(stored) => {
            let seed = decode(&stored).ok_or(Failure::Damaged)?;
            Ok(Found::Key { seed, backend, is_new: false })
        }
        Err(Failure::NoEntry) if may_make => make(session, user, backend),
        Err(Failure::NoEntry) => Ok(Found::Gone { backend }),
        Err(failure) => Err(failure),
    }
}

/// Draws the seed, writes it, reads it back and compares.
fn make(session: &mut Session, user: &str, backend: String) -> Result<Found, Failure> {
    let seed = fresh_seed().map_err(|detail| Failure::Unknown { detail })?;
    let encoded = encode(&seed);
    session.write(|chain| chain.write(user, &encoded))?;
    let kept = session.chain()?.read(user)?;
    if decode(&kept).is_some_and(|kept| kept.ct_eq(seed.expose())) {
        return Ok(Found::Key { seed, backend, is_new: true });
    }
    // There was nothing under this name a moment ago, so what is there now is our failed write.
    session.write(|chain| chain.delete(user))?;
    Ok(Found::NotKept)
}

fn fresh_seed() -> Result<Secret<32>, String> {
    let mut failed = false;
    let seed = Secret::from_fn(|out| failed = getrandom::fill(out).is_err());
    if failed { Err(crate::seal::NoEntropy.to_string()) } else { Ok(seed) }
}

/// Base64, for some services keep UTF-8 only.
pub(crate) fn encode(secret: &Secret<32>) -> Stored {
    Zeroizing::new(Base64::encode_string(secret.expose()).into_bytes())
}

fn decode(stored: &[u8]) -> Option<Secret<32>> {
    let mut valid = false;
    let seed = Secret::<32>::from_fn(|out| {
        valid = Base64::decode(stored, out).is_ok_and(|bytes| bytes.len() == 32);
    });
    valid.then_some(seed)
}

#[cfg(test)]
mod tests;
