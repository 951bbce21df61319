//! A gate before the relay: it passes everything on, can cut a line, and can lead it to another
//! relay.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// A running gate. Dropping it cuts every line.
pub(crate) struct Gate {
    address: String,
    lines: Arc<Mutex<Lines>>,
    _task: JoinSet<()>,
}

struct Lines {
    open: BTreeMap<usize, AbortHandle>,
    count: usize,
    closed: bool,
    /// Where new lines lead, `HOST:PORT`.
    target: String,
}

impl Gate {
    /// Listens on a free port and forwards to `relay`, `HOST:PORT`.
    ///
    /// # Errors
    /// When there is no free port.
    pub(crate) async fn open(relay: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let target = relay.to_owned();
        let lines = Lines { open: BTreeMap::new(), count: 0, closed: false, target };
        let lines = Arc::new(Mutex::new(lines));
        let mut task = JoinSet::new();
        task.spawn(accept(listener, Arc::clone(&lines)));
        Ok(Self { address, lines, _task: task })
    }

    /// Where clients connect to, `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The same as the app is told.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The lines that are open now.
    pub(crate) fn lines(&self) -> Vec<usize> {
        let lines = lock(&self.lines);
        lines.open.iter().filter(|(_, line)| !line.is_finished()).map(|(n, _)| *n).collect()
    }

    /// Cuts these lines. Nobody gets through anew until [`Gate::heal`].
    pub(crate) fn cut(&self, which: &[usize]) {
        let mut lines = lock(&self.lines);
        lines.closed = true;
        lines.abort(which);
    }

    /// Cuts these lines. From here on, whoever connects comes to `relay`, `HOST:PORT`.
    pub(crate) fn lead(&self, which: &[usize], relay: &str) {
        let mut lines = lock(&self.lines);
        relay.clone_into(&mut lines.target);
        lines.abort(which);
    }

    /// Lets everyone through again.
    pub(crate) fn heal(&self) {
        lock(&self.lines).closed = false;
    }
}

impl Lines {
    fn abort(&self, which: &[usize]) {
        which.iter().filter_map(|n| self.open.get(n)).for_each(AbortHandle::abort);
    }
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, lines: Arc<Mutex<Lines>>) {
    let mut running = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let target = {
            let lines = lock(&lines);
            if lines.closed {
                continue;
            }
            lines.target.clone()
        };
        let Ok(mut relay) = TcpStream::connect(&target).await else { continue };
        for stream in [&client, &relay] {
            // A delay here would count as ours.
            let _ = stream.set_nodelay(true);
        }
        let line = running.spawn(async move {
            let _ = copy_bidirectional(&mut client, &mut relay).await;
        });
        let mut lines = lock(&lines);
        let n = lines.count;
        lines.open.insert(n, line);
        lines.count += 1;
    }
}
