//! The connection to the relay: made, lost, made again until the call ends.

use std::sync::Arc;
use std::time::Duration;

use standfast_crypto::{Identity, Pseudonym};
use standfast_wire::relay::BoardPosition;
use tokio::task::JoinHandle;

use crate::transport::{
    ConnectError, LinkEvent, LinkRx, LinkTx, LoginSigner, Lost, RelayAddr, Visitor, connect,
};

/// Waits between attempts, ms: at once, then at most one a second, at least one each four.
const BACKOFF_MS: [u64; 4] = [0, 1_000, 2_000, 4_000];

/// The connection as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// The first attempt is under way.
    Connecting,
    /// Connected.
    Up {
        /// Round trip of the last ping, if one was measured.
        rtt_ms: Option<u32>,
    },
    /// Not connected; it is tried again.
    Down {
        /// Since when, ms since 1970.
        since_ms: u64,
        /// Why the last attempt failed, if one did.
        why: Option<ConnectError>,
    },
}

struct Signer(Pseudonym);

impl LoginSigner for Signer {
    fn pseudonym(&self) -> [u8; 32] {
        self.0.public()
    }
    fn sign(&self, context: &[u8]) -> [u8; 64] {
        self.0.sign(context)
    }
}

type Attempt = JoinHandle<Result<(LinkTx, LinkRx), ConnectError>>;

/// What a line brings.
pub(super) enum LineEvent {
    Up,
    Failed(ConnectError),
    Link(LinkEvent),
    Lost,
}

pub(super) struct Line {
    relay: RelayAddr,
    token: Option<String>,
    identity: Arc<Identity>,
    meeting_id: [u8; 16],
    attempt: Option<Attempt>,
    failures: usize,
    link: Option<(LinkTx, LinkRx)>,
}

impl Line {
    pub(super) fn new(
        relay: RelayAddr,
        token: Option<String>,
        identity: Arc<Identity>,
        meeting_id: [u8; 16],
    ) -> Self {
        Self { relay, token, identity, meeting_id, attempt: None, failures: 0, link: None }
    }

    pub(super) fn tx(&self) -> Option<&LinkTx> {
        self.link.as_ref().map(|(tx, _)| tx)
    }

    pub(super) fn rtt_ms(&self) -> Option<u32> {
        self.tx()?.round_trip().and_then(|rtt| u32::try_from(rtt.as_millis()).ok())
    }

    /// Gives up the connection, to be made anew.
    pub(super) fn drop_link(&mut self) {
        self.link = None;
    }

    /// What comes next; makes a connection when there is none. Safe to cancel.
    pub(super) async fn next(&mut self, have: impl FnOnce() -> Vec<BoardPosition>) -> LineEvent {
        if let Some((_, rx)) = &mut self.link {
            return match rx.recv().await {
                Some(LinkEvent::Lost(_)) | None => {
                    self.link = None;
                    LineEvent::Lost
                }
                Some(event) => LineEvent::Link(event),
            };
        }
        if self.attempt.is_none() {
            self.attempt = Some(self.try_connect(have()));
        }
        let Some(attempt) = &mut self.attempt else { return LineEvent::Lost };
        let outcome = attempt.await.unwrap_or(Err(ConnectError::Silent));
        self.attempt = None;
        match outcome {
            Ok(link) => {
                (self.link, self.failures) = (Some(link), 0);
                LineEvent::Up
            }
            Err(why) => {
                self.failures += 1;
                LineEvent::Failed(why)
            }
        }
    }

    fn try_connect(&self, have: Vec<BoardPosition>) -> Attempt {
        let wait = BACKOFF_MS[self.failures.min(BACKOFF_MS.len() - 1)];
        let (relay, token, meeting_id) = (self.relay.clone(), self.token.clone(), self.meeting_id);
        let signer = Signer(self.identity.pseudonym(relay.name(), &meeting_id));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(wait + jitter_ms(wait))).await;
            let visitor =
                Visitor { meeting_id, signer: &signer, token: token.as_deref(), have: &have };
            connect(&relay, visitor).await
        })
    }

    /// Sends what still waits, then closes.
    pub(super) async fn finish(mut self) {
        if let Some((tx, mut rx)) = self.link.take() {
            tx.close();
            let closed = async {
                while !matches!(rx.recv().await, None | Some(LinkEvent::Lost(Lost::Closed))) {}
            };
            let _ = tokio::time::timeout(Duration::from_secs(1), closed).await;
        }
    }
}

/// Up to a quarter more, so that a team does not come back all at once.
fn jitter_ms(wait: u64) -> u64 {
    let mut byte = [0; 1];
    let _ = getrandom::fill(&mut byte);
    wait / 4 * u64::from(byte[0]) / 255
}
