//! The real hub of the relay, with logins of the real kind, in the hands of somebody evil.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use standfast_crypto::Pseudonym;
use standfast_relay::hub::{Batch, ConnectionId, Hub};
use standfast_relay::limits::Limits;
use standfast_relay::login::Gate;
use standfast_wire::codec::{Field, List, Text};
use standfast_wire::relay::{Login, VERSION, pack};

use super::dice::Dice;
use super::{Fault, Held};

/// The relay's name, as everyone dials it.
pub(crate) const NAME: &str = "relay.evil";

pub(crate) struct Relay {
    hub: Hub,
    gate: Gate,
    dice: Dice,
    meeting_id: [u8; 16],
    pub(crate) lines: BTreeMap<ConnectionId, [u8; 32]>,
}

impl Relay {
    pub(crate) fn new(meeting_id: [u8; 16], mut dice: Dice) -> Self {
        let hub = Hub::new(Limits::default(), dice.bytes());
        let gate = Gate::new(dice.bytes(), None, Vec::new());
        Self { hub, gate, dice, meeting_id, lines: BTreeMap::new() }
    }

    /// A login, as any client makes it.
    pub(crate) fn admit(&mut self, who: &Pseudonym, now: Duration) -> Held<ConnectionId> {
        let pending = self.gate.challenge(self.dice.bytes(), now);
        let mut login = Login {
            v: VERSION,
            relay: Text::new(NAME).map_err(|_| Fault::of("relay name"))?,
            meeting_id: self.meeting_id,
            pseudonym: who.public(),
            client_nonce: self.dice.bytes(),
            token_proof: None,
            have: List::default(),
            signature: [0; 64],
        };
        login.signature = who.sign(&login.signed_context(pending.challenge()));
        let admitted =
            self.gate.check(pending, &login, now).map_err(|_| Fault::of("login refused"))?;
        let id = self.hub.admit(admitted, now).map_err(|_| Fault::of("meeting full"))?;
        self.lines.insert(id, who.public());
        Ok(id)
    }

    /// A control message from a connection.
    pub(crate) fn say<T: Field>(&mut self, id: ConnectionId, message: &T, now: Duration) -> Held {
        self.bytes(id, pack(message), now)
    }

    /// Any message from a connection.
    pub(crate) fn bytes(&mut self, id: ConnectionId, message: Vec<u8>, now: Duration) -> Held {
        let taken = self.hub.receive(id, &Bytes::from(message), now);
        taken.map(drop).map_err(|fault| Fault::of(format!("the hub: {fault}")))
    }

    pub(crate) fn take(&mut self, id: ConnectionId) -> Held<Batch> {
        self.hub.take(id).map_err(|fault| Fault::of(format!("the hub: {fault}")))
    }

    pub(crate) fn gone(&mut self, id: ConnectionId, now: Duration) {
        self.lines.remove(&id);
        self.hub.gone(id, now);
    }
}
