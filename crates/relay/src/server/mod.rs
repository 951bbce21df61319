//! The tokio driver: sockets, clock and randomness around the [`Hub`].

mod addresses;
mod connection;
mod guard;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use standfast_wire::relay::{ErrorCode, Login};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use self::addresses::Addresses;
use self::connection::Deadlines;
use crate::bucket::Bucket;
use crate::hub::{ConnectionId, Counters, Hub};
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::limits::KERNEL_UNSENT;
use crate::limits::{AcceptLimits, KERNEL_SEND_BUFFER, Limits};
use crate::login::{Admitted, Gate, PendingLogin};

/// Milliseconds after which clients may come back to a relay that stops.
const RETRY_MS: u32 = 1_000;
/// What is due is forgotten this often.
const TICK: Duration = Duration::from_secs(5);

/// How a relay runs.
#[derive(Clone, Default)]
pub struct Config {
    /// Certificate and key. Without, the relay speaks plaintext, which [`serve`] allows on loopback
    /// only.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Allows plaintext beyond loopback, for a relay behind a proxy that speaks TLS. All
    /// connections then come from the proxy's address, so nothing is counted by address.
    pub behind_tls_proxy: bool,
    /// Only those who know it may log in.
    pub token: Option<String>,
    /// Names under which clients dial this relay (`host:port`); none: any.
    pub names: Vec<String>,
    /// Bounds of the hub.
    pub limits: Limits,
    /// Bounds of the driver.
    pub accept: AcceptLimits,
}

/// A running relay. Dropping it stops the relay without waiting.
#[derive(Debug)]
pub struct Handle {
    local_addr: SocketAddr,
    shared: Arc<Shared>,
    done: mpsc::Receiver<()>,
}

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listener does not tell where it listens.
    #[error("cannot use the listening socket")]
    Listener(#[from] io::Error),
    /// The operating system gives no random bytes.
    #[error("no randomness from the operating system")]
    Randomness,
    /// Plaintext was asked for beyond loopback.
    #[error("without TLS a relay may only listen on a loopback address")]
    Plaintext,
}

/// Everything that connections share.
struct Shared {
    state: Mutex<State>,
    addresses: Mutex<Addresses>,
    gate: Gate,
    accept: AcceptLimits,
    count_addresses: bool,
    started: Instant,
    stopping: watch::Sender<bool>,
}

struct State {
    hub: Hub,
    writers: HashMap<ConnectionId, Arc<Notify>>,
    logins: Bucket,
}

/// Starts a relay on `listener`, inside the current tokio runtime.
///
/// # Errors
/// [`StartError`].
pub fn serve(listener: TcpListener, config: Config) -> Result<Handle, StartError> {
    let local_addr = listener.local_addr()?;
    if config.tls.is_none() && !config.behind_tls_proxy && !local_addr.ip().is_loopback() {
        return Err(StartError::Plaintext);
    }
    let seed = random().ok_or(StartError::Randomness)?;
    let relay_id = random().ok_or(StartError::Randomness)?;
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            hub: Hub::new(config.limits, seed),
            writers: HashMap::new(),
            logins: Bucket::new(config.accept.logins, Duration::ZERO),
        }),
        addresses: Mutex::default(),
        gate: Gate::new(relay_id, config.token.as_deref(), config.names),
        accept: config.accept,
        count_addresses: !config.behind_tls_proxy,
        started: Instant::now(),
        stopping: watch::Sender::new(false),
    });
    // Every task holds a sender, so the receiver ends when the last of them has.
    let (running, done) = mpsc::channel(1);
    let tls = config.tls.map(TlsAcceptor::from);
    tokio::spawn(accept(listener, tls, Arc::clone(&shared), running.clone()));
    tokio::spawn(tick(Arc::clone(&shared), running));
    Ok(Handle { local_addr, shared, done })
}

impl Handle {
    /// Where the relay listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What it has to do.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.lock().hub.counters()
    }

    /// Stops accepting, tells everyone, closes all connections and waits for that a few seconds at
    /// most.
    pub async fn shutdown(mut self) {
        self.shared.stop();
        let _ = timeout(self.shared.accept.drain, self.done.recv()).await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

async fn tick(shared: Arc<Shared>, _running: mpsc::Sender<()>) {
    let mut stopping = shared.stopping.subscribe();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = sleep(TICK) => {}
        }
        shared.with_hub(|hub, now| hub.tick(now));
        shared.addresses().forget(shared.now());
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    running: mpsc::Sender<()>,
) {
    let permits = Arc::new(Semaphore::new(shared.accept.connections));
    let mut stopping = shared.stopping.subscribe();
    loop {
        let accepted = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, most likely. Others will end.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Who is over a limit is dropped without a word: answering would cost what is missing.
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { continue };
        let Some(visit) = Visit::begin(&shared, peer.ip(), permit) else { continue };
        tokio::spawn(greet(stream, tls.clone(), visit, running.clone()));
    }
}

/// One accepted connection, as counted.
struct Visit {
    shared: Arc<Shared>,
    ip: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Visit {
    fn begin(shared: &Arc<Shared>, ip: IpAddr, permit: OwnedSemaphorePermit) -> Option<Self> {
        let now = shared.now();
        let counted = shared.count_addresses;
        (!counted || shared.addresses().open(ip, &shared.accept, now)).then(|| Self {
            shared: Arc::clone(shared),
            ip,
            _permit: permit,
        })
    }

    fn logged_in(&self) {
        if self.shared.count_addresses {
            self.shared.addresses().logged_in(self.ip);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if self.shared.count_addresses {
            self.shared.addresses().close(self.ip);
        }
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    // Without it small frames wait for the other side's acknowledgement.
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    socket.set_send_buffer_size(KERNEL_SEND_BUFFER)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_notsent_lowat(KERNEL_UNSENT)?;
    Ok(())
}

async fn greet(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    visit: Visit,
    _running: mpsc::Sender<()>,
) {
    let shared = &visit.shared;
    let accepted = Instant::now();
    let deadlines = Deadlines {
        upgraded: accepted + shared.accept.upgraded_within,
        login: accepted + shared.accept.login_within,
    };
    if prepare(&stream).is_err() {
        return;
    }
    let logged_in = || visit.logged_in();
    match tls {
        None => connection::run(stream, shared, deadlines, logged_in).await,
        Some(tls) => {
            let handshake = timeout_at(accepted + shared.accept.tls_within, tls.accept(stream));
            if let Ok(Ok(stream)) = Box::pin(handshake).await {
                Box::pin(connection::run(stream, shared, deadlines, logged_in)).await;
            }
        }
    }
}

impl Shared {
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn addresses(&self) -> MutexGuard<'_, Addresses> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `change` on the hub and wakes the writers that have something to do then.
    fn with_hub<T>(&self, change: impl FnOnce(&mut Hub, Duration) -> T) -> T {
        let now = self.now();
        let mut state = self.lock();
        let State { hub, writers, .. } = &mut *state;
        let result = change(hub, now);
        for id in hub.woken() {
            if let Some(writer) = writers.get(&id) {
                writer.notify_one();
            }
        }
        result
    }

    fn challenge(&self) -> Option<PendingLogin> {
        Some(self.gate.challenge(random()?, self.now()))
    }

    fn check(&self, pending: PendingLogin, login: &Login) -> Result<Admitted, ErrorCode> {
        let now = self.now();
        if !self.lock().logins.take(1, now) {
            return Err(ErrorCode::Busy);
        }
        self.gate.check(pending, login, now)
    }

    fn admit(&self, login: Admitted, writer: &Arc<Notify>) -> Result<ConnectionId, ErrorCode> {
        let now = self.now();
        let mut state = self.lock();
        let id = state.hub.admit(login, now)?;
        state.writers.insert(id, Arc::clone(writer));
        drop(state);
        self.with_hub(|_, _| ());
        Ok(id)
    }

    fn gone(&self, id: ConnectionId) {
        self.lock().writers.remove(&id);
        self.with_hub(|hub, now| hub.gone(id, now));
    }

    fn stop(&self) {
        if !self.stopping.send_replace(true) {
            self.with_hub(|hub, _| hub.closing(RETRY_MS));
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("counters", &self.lock().hub.counters())
            .finish_non_exhaustive()
    }
}
