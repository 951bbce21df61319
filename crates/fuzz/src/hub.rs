//! The relay: logins, and its hub under a sequence of hostile clients.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use standfast_crypto::Pseudonym;
use standfast_relay::hub::{ConnectionId, Hub};
use standfast_relay::limits::{Limits, Rate};
use standfast_relay::login::{Admitted, Gate, PendingLogin};
use standfast_wire::codec::{Blob, List, Text, from_bytes};
use standfast_wire::relay::{
    BoardPosition, DeleteBundle, EndSession, Envelope, GetBundle, Login, OpenSession, Packet, Post,
    PutBundle, ToClient, ToRelay, VERSION, end_hash_input, pack, pack_media,
};

use crate::Tape;
use crate::stage::identity;

const RELAY: &str = "relay.test";

fn gate() -> Gate {
    Gate::new([1; 16], None, vec![RELAY.to_owned()])
}

/// Clients there are, by meeting and name: making their keys costs more than all that follows.
static CLIENTS: LazyLock<[[Client; 4]; 2]> =
    LazyLock::new(|| [0, 1].map(|meeting| [0, 1, 2, 3].map(|name| Client::new(name, meeting))));

/// One client in one meeting.
struct Client {
    key: Pseudonym,
    public: [u8; 32],
    /// Its login, of one that has read nothing.
    login: Login,
}

impl Client {
    fn new(name: u8, meeting: u8) -> Self {
        let key = identity(&format!("client {name}")).pseudonym(RELAY, &[meeting; 16]);
        let public = key.public();
        let login = Login {
            v: VERSION,
            relay: Text::new(RELAY).unwrap(),
            meeting_id: [meeting; 16],
            pseudonym: public,
            client_nonce: [3; 16],
            token_proof: None,
            have: List::default(),
            signature: [0; 64],
        };
        let mut client = Self { key, public, login };
        client.login = client.login_with(Vec::new());
        client
    }

    fn login_with(&self, have: Vec<BoardPosition>) -> Login {
        let have = List::new(have).unwrap_or_default();
        let mut login = Login { have, ..self.login.clone() };
        login.signature = self.key.sign(&login.signed_context(challenge().challenge()));
        login
    }
}

fn challenge() -> PendingLogin {
    gate().challenge([2; 32], Duration::ZERO)
}

/// A real login, as a client makes it.
fn admitted(name: u8, meeting: u8, have: Vec<BoardPosition>) -> Admitted {
    let client = &CLIENTS[usize::from(meeting)][usize::from(name)];
    let login = if have.is_empty() { client.login.clone() } else { client.login_with(have) };
    gate().check(challenge(), &login, Duration::ZERO).expect("an honest login")
}

/// A login of arbitrary bytes, alone and as changes to an honest one. Only the honest one passes.
pub fn login(bytes: &[u8]) {
    if let Ok(ToRelay::Login(login)) = from_bytes(bytes) {
        let pending = gate().challenge([2; 32], Duration::ZERO);
        assert!(
            gate().check(pending, &login, Duration::ZERO).is_err(),
            "a stranger's login passed"
        );
    }
    let mut tape = Tape::new(bytes);
    let honest = &CLIENTS[1][usize::from(tape.byte() % 4)].login;
    let mut login = honest.clone();
    match tape.byte() % 8 {
        0 => login.v = tape.byte(),
        1 => login.meeting_id[tape.below(16)] ^= tape.byte(),
        2 => login.pseudonym[tape.below(32)] ^= tape.byte(),
        3 => login.client_nonce[tape.below(16)] ^= tape.byte(),
        4 => login.signature[tape.below(64)] ^= tape.byte(),
        5 => login.token_proof = tape.chance(128).then(|| tape.array()),
        6 => login.have = List::new(have(&mut tape, &[])).unwrap_or_default(),
        _ => {
            let name = String::from_utf8_lossy(&tape.blob(60)).into_owned();
            login.relay = Text::new(name).unwrap_or_default();
        }
    }
    let late = Duration::from_millis(u64::from(tape.u16()));
    let passed = gate().check(challenge(), &login, late).is_ok();
    assert!(passed == (login == *honest && late <= Duration::from_secs(10)), "a changed login");
}

fn have(tape: &mut Tape<'_>, boards: &[[u8; 16]]) -> Vec<BoardPosition> {
    let count = tape.below(5);
    let position = |tape: &mut Tape<'_>| BoardPosition {
        board_id: tape.pick(boards).copied().unwrap_or([9; 16]),
        seq: if tape.chance(64) { tape.u64() } else { u64::from(tape.byte()) },
    };
    (0..count).map(|_| position(tape)).collect()
}

/// Small, so that a short input reaches every limit.
fn limits() -> Limits {
    Limits {
        connections_per_meeting: 4,
        connections_per_pseudonym: 2,
        board_entries: 8,
        board_bytes: 4_000,
        boards: 5,
        all_board_bytes: 9_000,
        bundles_per_meeting: 3,
        bundles_per_pseudonym: 2,
        all_bundle_bytes: 2_000,
        control: Rate { per_second: 4, burst: 16 },
        media: Rate { per_second: 8, burst: 4 },
        media_queue: 3,
        reply_queue: 6,
        flush_media: 2,
        flush_control_bytes: 1_000,
        ..Limits::default()
    }
}

struct World {
    hub: Hub,
    now: Duration,
    /// Connections and the meeting that each is in.
    connections: BTreeMap<ConnectionId, u8>,
    boards: Vec<[u8; 16]>,
}

/// Connections come, say anything, read, and go, while time passes. What the relay writes decodes,
/// nobody hears of another meeting, and nothing grows past its limit.
pub fn hub(bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    let mut world = World {
        hub: Hub::new(limits(), [0; 32]),
        now: Duration::from_secs(1),
        connections: BTreeMap::new(),
        boards: Vec::new(),
    };
    while !tape.is_over() {
        world.step(&mut tape);
        world.check();
    }
    let all: Vec<_> = world.connections.keys().copied().collect();
    for id in all {
        world.hub.gone(id, world.now);
    }
    world.now += Duration::from_secs(200 * 3600);
    world.hub.tick(world.now);
    let left = world.hub.counters();
    assert!(left.connections == 0 && left.meetings == 0 && left.boards == 0, "something stays");
    assert!(left.board_bytes == 0 && left.bundle_bytes == 0, "the sums are wrong");
}

impl World {
    fn step(&mut self, tape: &mut Tape<'_>) {
        let ids: Vec<_> = self.connections.keys().copied().collect();
        let id = tape.pick(&ids).copied();
        match (tape.byte() % 12, id) {
            (0, _) => {
                let (name, meeting) = (tape.byte() % 4, tape.byte() % 2);
                let have = have(tape, &self.boards);
                if let Ok(id) = self.hub.admit(admitted(name, meeting, have), self.now) {
                    self.connections.insert(id, meeting);
                }
            }
            (1, _) => self.now += Duration::from_millis(u64::from(tape.u16())),
            (2, _) => {
                self.now += Duration::from_secs(u64::from(tape.u16()));
                self.hub.tick(self.now);
            }
            (3, _) if tape.chance(16) => self.hub.closing(tape.u32()),
            (4, Some(id)) => self.close(id),
            (5 | 6, Some(id)) => self.read(id),
            (7, Some(id)) => {
                let bytes = tape.blob(400);
                self.say(id, bytes);
            }
            (8, Some(id)) => {
                let frame = pack_media(&tape.blob(1_600));
                self.say(id, frame);
            }
            (_, Some(id)) => {
                let message = message(tape);
                self.say(id, pack(&message));
            }
            _ => {}
        }
    }

    fn close(&mut self, id: ConnectionId) {
        self.hub.gone(id, self.now);
        self.connections.remove(&id);
    }

    fn say(&mut self, id: ConnectionId, message: Vec<u8>) {
        if self.hub.receive(id, &Bytes::from(message), self.now).is_err() {
            self.close(id);
        }
    }

    fn read(&mut self, id: ConnectionId) {
        // Once woken, a connection reads until there is nothing left: that comes to an end.
        for _ in 0..10_000 {
            let Ok(batch) = self.hub.take(id) else { return self.close(id) };
            assert!(batch.media.len() <= 2, "more frames than one flush may write");
            if batch.is_empty() {
                return;
            }
            for message in &batch.control {
                self.heard(id, message);
            }
            for frame in &batch.media {
                assert!(matches!(Packet::parse(frame), Ok(Packet::Media(_))));
            }
        }
        unreachable!("a connection is never done reading");
    }

    fn heard(&mut self, id: ConnectionId, message: &[u8]) {
        let Ok(Packet::Control(body)) = Packet::parse(message) else {
            unreachable!("the relay wrote something else than control")
        };
        let message = from_bytes::<ToClient>(body).expect("the relay writes what decodes");
        match message {
            ToClient::BoardOpened(board) => self.boards.push(board.board_id),
            ToClient::Delivered(post) => {
                let meeting = self.connections.get(&id).copied();
                let mine = meeting.is_some_and(|meeting| {
                    CLIENTS[usize::from(meeting)].iter().any(|c| c.public == post.from)
                });
                assert!(mine, "a post of another meeting was delivered");
            }
            _ => {}
        }
    }

    fn check(&mut self) {
        let woken: Vec<_> = self.hub.woken().collect();
        assert!(woken.len() <= 64);
        let now = self.hub.counters();
        let limits = limits();
        assert!(now.connections <= self.connections.len(), "a connection that nobody has");
        assert!(now.boards <= limits.boards && now.board_bytes <= limits.all_board_bytes + 1_000);
        assert!(now.bundle_bytes <= limits.all_bundle_bytes);
        assert!(now.connections <= 2 * limits.connections_per_meeting);
    }
}

fn small(tape: &mut Tape<'_>) -> [u8; 32] {
    [tape.byte() % 6; 32]
}

fn blob<const MAX: usize>(tape: &mut Tape<'_>, max: usize) -> Blob<MAX> {
    Blob::new(tape.blob(max)).unwrap_or_default()
}

fn message(tape: &mut Tape<'_>) -> ToRelay {
    let request = u32::from(tape.byte());
    match tape.byte() % 8 {
        0 => {
            let session_id = small(tape);
            let preimage = small(tape);
            let end_hash = standfast_crypto::sha256(&end_hash_input(&preimage));
            OpenSession { request, session_id, end_hash }.into()
        }
        1 => EndSession { session_id: small(tape), preimage: small(tape) }.into(),
        2 => PutBundle { request, slot: small(tape), blob: blob(tape, 900) }.into(),
        3 => GetBundle { request, slot: small(tape) }.into(),
        4 => DeleteBundle { request, slot: small(tape) }.into(),
        _ => {
            let to = tape.chance(64).then(|| {
                CLIENTS[usize::from(tape.byte() % 2)][usize::from(tape.byte() % 4)].public
            });
            let v = if tape.chance(8) { tape.byte() } else { VERSION };
            let (session_id, slot) = (small(tape), tape.byte() % 4);
            let envelope = Envelope { v, session_id, to, slot, sealed: blob(tape, 1_500) };
            Post { request, envelope }.into()
        }
    }
}
