//! The real hub of the relay, once or as two nodes that copy to each other what they take in.
//!
//! A node shows the members of the other one through a connection of its own for each, so that
//! posters, slots and hints are what a member would see of a cluster, or of one relay that shows
//! two boards.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use standfast_crypto::Pseudonym;
use standfast_relay::hub::{ConnectionId, Hub};
use standfast_relay::limits::Limits;
use standfast_relay::login::Gate;
use standfast_wire::codec::{List, Text, from_bytes};
use standfast_wire::relay::{
    BoardPosition, ErrorCode, Login, Packet, SessionId, ToClient, VERSION,
};

use super::dice::Dice;
use super::net::LineId;

/// The relay's name, as everyone dials it.
pub(crate) const NAME: &str = "relay.sim";

/// What one node tells the other.
#[derive(Debug, Clone)]
pub(crate) struct Copied {
    /// Of which start of the relay.
    pub(crate) start: u64,
    pub(crate) device: usize,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A member's message, control or media.
    Message(Bytes),
    /// A member's connection ended.
    Gone,
}

/// Who is at the other end of a hub's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Line(LineId),
    OtherNode,
}

/// One node.
struct Node {
    hub: Hub,
    gate: Gate,
    ends: BTreeMap<ConnectionId, End>,
    /// This node's connections for members of the other node, by device.
    mirrors: BTreeMap<usize, ConnectionId>,
}

impl Node {
    fn new(dice: &mut Dice) -> Self {
        // Its limits are those of the binary: a meeting of a few stays far inside them.
        let hub = Hub::new(Limits::default(), dice.bytes());
        let gate = Gate::new(dice.bytes(), None, Vec::new());
        Self { hub, gate, ends: BTreeMap::new(), mirrors: BTreeMap::new() }
    }
}

/// Something that the relay writes to a member.
pub(crate) enum Written {
    Control(LineId, Bytes),
    Media(LineId, Bytes),
    /// It closes the connection.
    Closed(LineId),
}

/// All nodes.
pub(crate) struct Relay {
    nodes: Vec<Node>,
    dice: Dice,
    pub(crate) meeting_id: [u8; 16],
    /// Grows with each restart.
    pub(crate) start: u64,
    pub(crate) up: bool,
    /// The nodes hear each other.
    pub(crate) joined: bool,
    /// What they could not tell each other, by receiver.
    backlog: [VecDeque<Copied>; 2],
}

impl Relay {
    pub(crate) fn new(nodes: usize, meeting_id: [u8; 16], mut dice: Dice) -> Self {
        let nodes = (0..nodes).map(|_| Node::new(&mut dice)).collect();
        Self {
            nodes,
            dice,
            meeting_id,
            start: 0,
            up: true,
            joined: true,
            backlog: Default::default(),
        }
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Sessions that have a board on some node, as a visitor sees them.
    pub(crate) fn sessions(&mut self, who: &Pseudonym, now: Duration) -> Vec<SessionId> {
        let mut sessions = Vec::new();
        for at in 0..self.nodes.len() {
            let Ok(id) = self.admit(at, End::OtherNode, who, Vec::new(), now) else { continue };
            let batch = self.nodes[at].hub.take(id).unwrap_or_default();
            for message in &batch.control {
                let Ok(Packet::Control(body)) = Packet::parse(message) else { continue };
                if let Ok(ToClient::Welcome(welcome)) = from_bytes(body) {
                    sessions.extend(welcome.boards.as_slice().iter().map(|b| b.session_id));
                }
            }
            self.gone(at, id, now);
        }
        sessions
    }

    /// Everything is forgotten.
    pub(crate) fn restart(&mut self) {
        self.start += 1;
        self.backlog = Default::default();
        self.nodes = (0..self.nodes.len()).map(|_| Node::new(&mut self.dice)).collect();
    }

    pub(crate) fn tick(&mut self, now: Duration) {
        self.nodes.iter_mut().for_each(|node| node.hub.tick(now));
    }

    /// A member's connection logs in.
    pub(crate) fn login(
        &mut self,
        at: usize,
        line: LineId,
        who: &Pseudonym,
        have: Vec<BoardPosition>,
        now: Duration,
    ) -> Result<ConnectionId, ErrorCode> {
        self.admit(at, End::Line(line), who, have, now)
    }

    fn admit(
        &mut self,
        at: usize,
        end: End,
        who: &Pseudonym,
        have: Vec<BoardPosition>,
        now: Duration,
    ) -> Result<ConnectionId, ErrorCode> {
        let (nonce, client_nonce) = (self.dice.bytes(), self.dice.bytes());
        let node = &mut self.nodes[at];
        let pending = node.gate.challenge(nonce, now);
        let mut login = Login {
            v: VERSION,
            relay: Text::new(NAME).map_err(|_| ErrorCode::Login)?,
            meeting_id: self.meeting_id,
            pseudonym: who.public(),
            client_nonce,
            token_proof: None,
            have: List::new(have).unwrap_or_default(),
            signature: [0; 64],
        };
        login.signature = who.sign(&login.signed_context(pending.challenge()));
        let admitted = node.gate.check(pending, &login, now)?;
        let id = node.hub.admit(admitted, now)?;
        node.ends.insert(id, end);
        Ok(id)
    }

    /// A message of a member's connection; `None` when the hub closes it. Otherwise, until when
    /// nothing more is read from it.
    pub(crate) fn receive(
        &mut self,
        at: usize,
        id: ConnectionId,
        message: &Bytes,
        now: Duration,
    ) -> Option<Duration> {
        self.nodes[at].hub.receive(id, message, now).ok()
    }

    /// A member's connection ended.
    pub(crate) fn gone(&mut self, at: usize, id: ConnectionId, now: Duration) {
        self.nodes[at].ends.remove(&id);
        self.nodes[at].hub.gone(id, now);
    }

    /// An app that is only there to store its bundle, on every node.
    pub(crate) fn put_bundle(&mut self, who: &Pseudonym, message: &Bytes) {
        for at in 0..self.nodes.len() {
            if let Ok(id) = self.admit(at, End::OtherNode, who, Vec::new(), Duration::ZERO) {
                let _ = self.nodes[at].hub.receive(id, message, Duration::ZERO);
                self.gone(at, id, Duration::ZERO);
            }
        }
    }

    /// What the other node took in.
    pub(crate) fn take_copy(&mut self, at: usize, copied: Copied, who: &Pseudonym, now: Duration) {
        let mirror = self.nodes[at].mirrors.get(&copied.device).copied();
        match (copied.what, mirror) {
            (What::Gone, Some(id)) => {
                self.nodes[at].mirrors.remove(&copied.device);
                self.gone(at, id, now);
            }
            (What::Gone, None) => {}
            (What::Message(message), mirror) => {
                let through =
                    |relay: &mut Self, id| relay.nodes[at].hub.receive(id, &message, now).is_ok();
                if mirror.is_some_and(|id| through(self, id)) {
                    return;
                }
                // The first of this member, or the hub closed the connection before.
                if let Ok(id) = self.admit(at, End::OtherNode, who, Vec::new(), now) {
                    self.nodes[at].mirrors.insert(copied.device, id);
                    through(self, id);
                }
            }
        }
    }

    /// Keeps what cannot be told now.
    pub(crate) fn keep_copy(&mut self, to: usize, copied: Copied) {
        self.backlog[to].push_back(copied);
    }

    /// What was kept for a node.
    pub(crate) fn kept(&mut self, to: usize) -> VecDeque<Copied> {
        std::mem::take(&mut self.backlog[to])
    }

    /// The nodes lose each other. `told`: they say so to their members, as hints.
    pub(crate) fn split(&mut self, told: bool, now: Duration) {
        self.joined = false;
        for at in 0..self.nodes.len() {
            let mirrors = if told { std::mem::take(&mut self.nodes[at].mirrors) } else { continue };
            mirrors.into_values().for_each(|id| self.gone(at, id, now));
        }
    }

    /// Everything that the relay has to write now, in order for each connection.
    pub(crate) fn write(&mut self) -> Vec<Written> {
        let mut written = Vec::new();
        for node in &mut self.nodes {
            loop {
                let mut woken: Vec<_> = node.hub.woken().collect();
                if woken.is_empty() {
                    break;
                }
                woken.sort_unstable();
                woken.into_iter().for_each(|id| node.write(id, &mut written));
            }
        }
        written
    }
}

impl Node {
    fn write(&mut self, id: ConnectionId, written: &mut Vec<Written>) {
        let end = self.ends.get(&id).copied();
        loop {
            match (self.hub.take(id), end) {
                (Ok(batch), _) if batch.is_empty() => break,
                (Ok(batch), Some(End::Line(line))) => {
                    written.extend(batch.media.into_iter().map(|m| Written::Media(line, m)));
                    written.extend(batch.control.into_iter().map(|m| Written::Control(line, m)));
                }
                (Ok(_), _) => {}
                (Err(_), Some(End::Line(line))) => {
                    written.push(Written::Closed(line));
                    break;
                }
                (Err(_), _) => break,
            }
        }
    }
}
