//! Mallory: has the link, and whatever identities and captured letters a test gives her.

use standfast_crypto::{Enc, Entropy, Identity, PrivateBundle, Scope};
use standfast_meeting::{Counters, Snapshot};
use standfast_wire::codec::{Blob, Field, Text, from_bytes, to_bytes};
use standfast_wire::control::{Bundle, Hash, Ident, JoinRequest, Kind, Role, Sealed};
use standfast_wire::record;
use standfast_wire::relay::{Envelope, VERSION};

use crate::room::{Room, Seeded};

record! {
    /// What an envelope's box is bound to.
    pub struct Header {
        /// Version.
        pub v: u8,
        /// Session.
        pub session_id: Hash,
        /// Addressee.
        pub to: Option<[u8; 32]>,
        /// Slot.
        pub slot: u8,
    }
}

fn header(session_id: Hash, slot: u8) -> Vec<u8> {
    to_bytes(&Header { v: VERSION, session_id, to: None, slot })
}

impl Room {
    pub fn session_id(&self) -> Hash {
        self.board.last().unwrap().1.session_id
    }

    pub fn scope(&self) -> Scope {
        Scope { meeting_id: self.link.meeting_id, session_id: self.session_id() }
    }

    /// What everyone with the link can do: open a box,
    pub fn unbox(&self, envelope: &Envelope) -> Sealed {
        self.reader()(envelope)
    }

    pub fn reader(&self) -> impl Fn(&Envelope) -> Sealed + use<> {
        let keys = self.link.keys();
        move |envelope| {
            let key = keys.control(&envelope.session_id);
            let aad = header(envelope.session_id, envelope.slot);
            from_bytes(&key.open(&aad, envelope.sealed.as_slice()).unwrap()).unwrap()
        }
    }

    /// and make one.
    pub fn rebox(&self, session_id: Hash, slot: u8, sealed: &Sealed) -> Envelope {
        let key = self.link.keys().control(&session_id);
        let mut rng = Seeded(77, self.now.mono_ms);
        let boxed = key.seal(&header(session_id, slot), &to_bytes(sealed), &mut rng);
        Envelope { v: VERSION, session_id, to: None, slot, sealed: Blob::new(boxed).unwrap() }
    }

    /// A message of this session, signed by `who`.
    pub fn letter<T: Field>(&self, who: &Identity, kind: Kind, message: &T) -> Sealed {
        let body = to_bytes(message);
        let sig = who.sign(&self.scope(), kind.label(), &body);
        let from = who.fingerprint().0;
        Sealed { kind, from, body: Blob::new(body).unwrap(), sig: Some(sig), mac: None }
    }

    /// The same on the board.
    pub fn forge<T: Field>(&self, who: &Identity, kind: Kind, message: &T) -> Envelope {
        self.rebox(self.session_id(), 0, &self.letter(who, kind, message))
    }

    /// A join request of `who`, and its hash.
    pub fn ask(&self, who: &Identity, change: impl FnOnce(&mut JoinRequest)) -> (Envelope, Hash) {
        let mut rng = Seeded(78, self.now.mono_ms);
        let bundle = PrivateBundle::generate(&mut rng).public();
        let mut nonces = [0; 32];
        rng.fill(&mut nonces);
        let mut join = JoinRequest {
            ident: Ident {
                iks: *who.public().iks(),
                ikd: *who.public().ikd(),
                cert: *who.public().cert(),
            },
            bundle: Bundle {
                bundle_id: bundle.bundle_id(),
                ek: *bundle.ek(),
                pk: Box::new(*bundle.pk()),
            },
            msk: [5; 32],
            join_nonce: nonces[..16].try_into().unwrap(),
            liveness_nonce: nonces[16..].try_into().unwrap(),
            name: Text::new("Mallory").unwrap(),
            role: Role::Person,
            own: None,
            vouch: None,
            seen: Some(self.newest_hash(Kind::Heartbeat)),
            resume_head: None,
        };
        change(&mut join);
        let mut sealed = self.letter(who, Kind::Join, &join);
        sealed.mac = Some(self.link.keys().join_mac(sealed.body.as_slice()));
        (self.rebox(self.session_id(), 0, &sealed), letter_hash("SF1/join", &sealed))
    }

    /// All letters of one kind on the board, oldest first.
    pub fn letters(&self, kind: Kind) -> Vec<Sealed> {
        let all = self.board.iter().map(|(_, envelope)| self.unbox(envelope));
        all.filter(|sealed| sealed.kind == kind).collect()
    }

    pub fn newest_hash(&self, kind: Kind) -> Hash {
        let label = match kind {
            Kind::Join => "SF1/join",
            Kind::Heartbeat => "SF1/hb",
            _ => "SF1/ann",
        };
        let honest = self.board.iter().rev().filter(|(from, _)| *from != "mallory");
        let mut letters = honest.map(|(_, envelope)| self.unbox(envelope));
        letter_hash(label, &letters.find(|sealed| sealed.kind == kind).unwrap())
    }

    /// What a device shows, less the figures and exhibits that any refused message moves.
    pub fn shows(&self, name: &str) -> Snapshot {
        Snapshot {
            counters: Counters::default(),
            evidence: Vec::new(),
            pulse_age_ms: 0,
            ..self.see(name)
        }
    }

    pub fn refusals(&self, name: &str) -> u64 {
        let c = self.see(name).counters;
        let forged = c.malformed + c.not_authentic + c.not_allowed;
        forged + c.stale + c.inconsistent + c.unsupported + c.missing
    }
}

pub fn letter_hash(label: &str, sealed: &Sealed) -> Hash {
    Enc::new(label).bytes(sealed.body.as_slice()).bytes(&sealed.sig.unwrap()).hash()
}

/// `sealed` with one bit of its body flipped.
pub fn flip_body(sealed: &Sealed, bit: usize) -> Sealed {
    let mut body = sealed.body.as_slice().to_vec();
    let at = bit / 8 % body.len();
    body[at] ^= 1 << (bit % 8);
    Sealed { body: Blob::new(body).unwrap(), ..sealed.clone() }
}
