//! What is to happen, in order of time; of one moment, in order of planning.

use std::collections::BTreeMap;

use bytes::Bytes;
use standfast_meeting::Command;

use super::net::LineId;
use super::relay::Copied;

/// Something that happens in the world.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Something that happens on a device. A device that gets no time to run does it later.
    Device(usize, Happening),
    /// A login reaches the relay.
    Login(LineId),
    /// A control message reaches the relay.
    Up(LineId, Bytes),
    /// The relay reads on after it had enough of this connection.
    ReadOn(LineId),
    /// A frame reaches the relay.
    UpMedia(LineId, Bytes),
    /// A connection of which only one direction was left breaks altogether.
    Snap(LineId),
    /// The relay finds a connection ended.
    HubLost(LineId),
    /// What another node took in reaches this one.
    Copy { to: usize, copied: Copied },
    /// The relay forgets what is due.
    HubTick,
    /// The relay is back.
    RelayUp,
    /// The nodes find each other again.
    Heal,
    /// A device has a network again.
    NetworkBack(usize),
    /// A device that got no time to run, or slept, goes on.
    Resume(usize),
    /// Somebody starts the app.
    Start(usize),
    /// Something goes wrong, or somebody does something.
    Mischief,
    /// The trouble is over.
    Calm,
    /// Has everyone come together?
    Probe,
    /// The next act after everyone has.
    Finale(u8),
}

/// Something that happens on a device.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// The engine's time has come.
    Tick(u64),
    /// A message or frame from the relay.
    Down(LineId, Bytes),
    /// The connection is found broken.
    Lost(LineId),
    /// It is time to connect.
    Dial(u64),
    /// The microphone has a packet.
    Voice(u64),
    /// The user wants something.
    Want(u64, Command),
    /// The user looks at the lobby.
    LookAtLobby(u64),
}

#[derive(Default)]
pub(crate) struct Queue {
    events: BTreeMap<(u64, u64), Event>,
    planned: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, at_ms: u64, event: Event) {
        self.planned += 1;
        self.events.insert((at_ms, self.planned), event);
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, Event)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }
}
