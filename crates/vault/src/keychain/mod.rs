//! Asking the operating system's keychain, which may be locked, absent, broken or asleep.
//!
//! Every call runs on a worker thread, for most of these interfaces block without a limit (an
//! unlock prompt, a hung daemon). The caller waits at most the time limit and can stop earlier.
//! A worker that is stuck while *reading* is left behind: its answer, if it ever comes, is wiped.
//! One that is stuck while *writing* is kept, and later calls queue behind it, so that a late
//! write never overtakes a newer one.

mod chain;
mod native;

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use keyring_core::CredentialStore;
use zeroize::Zeroizing;

pub(crate) use chain::Chain;

/// How long a keychain may take before the screen says that it does not answer. An unlock prompt
/// counts too: 30 s is enough to type a password, and asking again is one click.
pub const KEYCHAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest entry that we write, in bytes as stored (base64). Windows allows 2,560.
pub const KEYCHAIN_ENTRY_MAX: usize = 512;

/// Why a call gave no value. Never carries anything that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    Locked,
    NoAnswer { waited_ms: u64 },
    Stopped,
    Absent { detail: String },
    NoEntry,
    Several { count: usize },
    Damaged,
    TooLong,
    Unknown { detail: String },
}

/// Which keychain a vault asks.
#[derive(Clone, Default)]
pub enum KeychainSource {
    /// The system's: Secret Service, Keychain Services or Credential Manager.
    #[default]
    Native,
    /// A given store, for tests.
    Given(Arc<CredentialStore>),
}

impl std::fmt::Debug for KeychainSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Native => "Native",
            Self::Given(_) => "Given",
        })
    }
}

type Job = Box<dyn FnOnce(&mut Session) + Send>;

/// The keychain behind its worker thread.
pub(crate) struct Keychain {
    source: KeychainSource,
    timeout: Duration,
    worker: Mutex<Option<Worker>>,
}

struct Worker {
    jobs: Sender<Job>,
    phase: Arc<Phase>,
}

/// What the worker keeps between jobs (the open store), and what it must ask before a write.
pub(crate) struct Session {
    source: KeychainSource,
    chain: Option<Chain>,
    phase: Arc<Phase>,
    cancelled: Arc<AtomicBool>,
}

/// Whether the worker is in a write, which must not be overtaken, or was left behind.
#[derive(Default)]
struct Phase(AtomicU8);

const READING: u8 = 0;
const WRITING: u8 = 1;
const LEFT_BEHIND: u8 = 2;

impl Phase {
    /// The worker enters a write; `false` if it was left behind and must not.
    fn begin_write(&self) -> bool {
        self.0.compare_exchange(READING, WRITING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn end_write(&self) {
        self.0.store(READING, Ordering::Release);
    }

    /// A caller gives up; `false` if the worker is writing and has to be waited for.
    fn leave_behind(&self) -> bool {
        self.0.compare_exchange(READING, LEFT_BEHIND, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Session {
    /// The open store; opened on first use and after a failure.
    pub(crate) fn chain(&mut self) -> Result<&Chain, Failure> {
        let chain = match self.chain.take() {
            Some(chain) => chain,
            None => Chain::open(&self.source)?,
        };
        Ok(self.chain.insert(chain))
    }

    /// Runs `write` unless the caller has given up meanwhile.
    pub(crate) fn write(
        &mut self,
        write: impl FnOnce(&Chain) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let phase = Arc::clone(&self.phase);
        let cancelled = Arc::clone(&self.cancelled);
        let chain = self.chain()?;
        if !phase.begin_write() {
            // Another caller left this worker behind, and a newer one may be writing by now.
            return Err(Failure::NoAnswer { waited_ms: 0 });
        }
        // Asked inside the write phase: who cancels from here on knows that the write may happen.
        let done =
            if cancelled.load(Ordering::Acquire) { Err(Failure::Stopped) } else { write(chain) };
        phase.end_write();
        done
    }
}

impl Keychain {
    pub(crate) fn new(source: KeychainSource, timeout: Duration) -> Self {
        Self { source, timeout, worker: Mutex::new(None) }
    }

    /// Starts `job` on the worker; returns at once.
    pub(crate) fn start<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&mut Session) -> Result<T, Failure> + Send + 'static,
    ) -> Pending<T> {
        let (reply, replies) = mpsc::channel();
        let answer = reply.clone();
        let cancelled = Arc::new(AtomicBool::new(false));
        let cancel = Arc::clone(&cancelled);
        let job: Job = Box::new(move |session: &mut Session| {
            if cancelled.load(Ordering::Acquire) {
                return;
            }
            session.cancelled = cancelled;
            let result = job(session);
            if matches!(&result, Err(failure) if *failure != Failure::NoEntry) {
                // The next job meets the keychain as it is then.
                session.chain = None;
            }
            // Nobody may be listening any more; then the value is dropped here, and wiped.
            let _ = answer.send(Reply::Done(result));
        });
        let phase = self.send(job);
        if phase.is_none() {
            let detail = "the system refused to start a thread".to_owned();
            let _ = reply.send(Reply::Done(Err(Failure::Unknown { detail })));
        }
        Pending {
            keychain: Arc::clone(self),
            phase: phase.unwrap_or_default(),
            cancel,
            replies,
            stopper: reply,
            began: Instant::now(),
            answered: false,
        }
    }

    /// Hands `job` to the worker, starting one if need be.
    fn send(&self, job: Job) -> Option<Arc<Phase>> {
        let mut slot = self.slot();
        let job = match slot.as_ref() {
            Some(worker) => match worker.jobs.send(job) {
                Ok(()) => return Some(Arc::clone(&worker.phase)),
                // The worker panicked in a foreign library. A new one takes over.
                Err(mpsc::SendError(job)) => job,
            },
            None => job,
        };
        let worker = Worker::spawn(self.source.clone())?;
        worker.jobs.send(job).ok()?;
        Some(Arc::clone(&slot.insert(worker).phase))
    }

    /// A caller has given up on the worker that `phase` belongs to.
    fn give_up(&self, phase: &Arc<Phase>) {
        let mut slot = self.slot();
        if phase.leave_behind() && slot.as_ref().is_some_and(|w| Arc::ptr_eq(&w.phase, phase)) {
            *slot = None;
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Worker>> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    fn spawn(source: KeychainSource) -> Option<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let phase = Arc::new(Phase::default());
        let mut session =
            Session { source, chain: None, phase: Arc::clone(&phase), cancelled: Arc::default() };
        thread::Builder::new()
            .name("keychain".to_owned())
            .spawn(move || queue.into_iter().for_each(|job| job(&mut session)))
            .ok()?;
        Some(Self { jobs, phase })
    }
}

enum Reply<T> {
    Done(Result<T, Failure>),
    Stop,
}

/// A question to the keychain that is under way. Dropping it gives up, as stopping does.
pub(crate) struct Pending<T> {
    keychain: Arc<Keychain>,
    phase: Arc<Phase>,
    cancel: Arc<AtomicBool>,
    replies: Receiver<Reply<T>>,
    stopper: Sender<Reply<T>>,
    began: Instant,
    answered: bool,
}

impl<T> Pending<T> {
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn limit(&self) -> Duration {
        self.keychain.timeout
    }

    /// A function that ends the wait from any thread.
    pub(crate) fn stopper(&self) -> impl Fn() + Send + Sync + use<T>
    where
        T: Send + 'static,
    {
        let stopper = self.stopper.clone();
        move || drop(stopper.send(Reply::Stop))
    }

    /// Waits for the answer, the stop, or the time limit.
    pub(crate) fn wait(mut self) -> Result<T, Failure> {
        let left = self.limit().saturating_sub(self.elapsed());
        match self.replies.recv_timeout(left) {
            Ok(Reply::Done(result)) => {
                self.answered = true;
                result
            }
            Ok(Reply::Stop) => Err(Failure::Stopped),
            Err(_) => {
                let waited_ms = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
                Err(Failure::NoAnswer { waited_ms })
            }
        }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        if !self.answered {
            self.cancel.store(true, Ordering::Release);
            self.keychain.give_up(&self.phase);
        }
    }
}

/// What is stored for one name, wiped on drop.
pub(crate) type Stored = Zeroizing<Vec<u8>>;

#[cfg(test)]
mod tests;
