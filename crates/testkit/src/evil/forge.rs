//! What everyone with the link can do, and everyone who has somebody's identity: open boxes, make
//! boxes, sign.

use standfast_crypto::{Enc, Identity, LinkKeys, PrivateBundle, Scope};
use standfast_wire::codec::{Blob, Field, Text, from_bytes, to_bytes};
use standfast_wire::control::{
    Bundle, Carried, EpochAnnounce, Hash, Ident, JoinRequest, Kind, Role, Sealed,
};
use standfast_wire::record;
use standfast_wire::relay::{Envelope, VERSION};

use super::stage::{Stage, Who};
use super::{Fault, Held};

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

fn header(session_id: Hash, to: Option<[u8; 32]>, slot: u8) -> Vec<u8> {
    to_bytes(&Header { v: VERSION, session_id, to, slot })
}

/// Opens an envelope.
pub(crate) fn unbox(link: &LinkKeys, envelope: &Envelope) -> Option<Sealed> {
    let aad = header(envelope.session_id, envelope.to, envelope.slot);
    let content = link.control(&envelope.session_id).open(&aad, envelope.sealed.as_slice()).ok()?;
    from_bytes(&content).ok()
}

/// The hash under which others refer to a signed message.
pub(crate) fn hash_of(sealed: &Sealed) -> Hash {
    let label = match sealed.kind {
        Kind::Open => "SF1/open",
        Kind::Join => "SF1/join",
        Kind::Announce => "SF1/ann",
        Kind::Heartbeat => "SF1/hb",
        _ => "SF1/message",
    };
    let sig = sealed.sig.unwrap_or([0; 64]);
    Enc::new(label).bytes(sealed.body.as_slice()).bytes(&sig).hash()
}

/// A body as it is signed.
pub(crate) fn read<T: Field>(sealed: &Sealed) -> Held<T> {
    from_bytes(sealed.body.as_slice()).map_err(|_| Fault::of("a body that does not decode"))
}

/// With one bit of its body flipped.
pub(crate) fn flipped(sealed: &Sealed, bit: usize) -> Sealed {
    let mut body = sealed.body.as_slice().to_vec();
    let at = (bit / 8) % body.len().max(1);
    body[at] ^= 1 << (bit % 8);
    Sealed { body: Blob::new(body).unwrap_or_default(), ..sealed.clone() }
}

fn blob<const MAX: usize>(bytes: Vec<u8>) -> Held<Blob<MAX>> {
    Blob::new(bytes).map_err(|_| Fault::of("a body that is too long"))
}

impl Stage {
    /// The session that is talked about last.
    pub(crate) fn session_id(&self) -> Held<Hash> {
        let last = self.posted.last().map(|p| p.envelope.session_id);
        last.ok_or_else(|| Fault::of("nothing was posted"))
    }

    pub(crate) fn scope(&self) -> Held<Scope> {
        Ok(Scope { meeting_id: self.link.meeting_id, session_id: self.session_id()? })
    }

    /// A box of one's own.
    pub(crate) fn boxed(&mut self, session_id: Hash, slot: u8, sealed: &Sealed) -> Held<Envelope> {
        let key = self.link.keys().control(&session_id);
        let boxed = key.seal(&header(session_id, None, slot), &to_bytes(sealed), &mut self.dice);
        Ok(Envelope { v: VERSION, session_id, to: None, slot, sealed: blob(boxed)? })
    }

    pub(crate) fn enclose(&mut self, sealed: &Sealed) -> Held<Envelope> {
        let session_id = self.session_id()?;
        self.boxed(session_id, 0, sealed)
    }

    /// A message of this session, signed by `who`.
    pub(crate) fn letter<T: Field>(
        &mut self,
        who: &Identity,
        kind: Kind,
        message: &T,
    ) -> Held<Sealed> {
        let scope = self.scope()?;
        self.letter_in(&scope, who, kind, message)
    }

    pub(crate) fn letter_in<T: Field>(
        &mut self,
        scope: &Scope,
        who: &Identity,
        kind: Kind,
        message: &T,
    ) -> Held<Sealed> {
        let body = to_bytes(message);
        let sig = Some(who.sign(scope, kind.label(), &body));
        Ok(Sealed { kind, from: who.fingerprint().0, body: blob(body)?, sig, mac: None })
    }

    /// The same in a box.
    pub(crate) fn forge<T: Field>(&mut self, who: Who, kind: Kind, message: &T) -> Held<Envelope> {
        let who = self.identity(who);
        let sealed = self.letter(&who, kind, message)?;
        self.enclose(&sealed)
    }

    /// A statement as an announce carries it.
    pub(crate) fn carried<T: Field>(&mut self, who: Who, kind: Kind, said: &T) -> Held<Carried> {
        let who = self.identity(who);
        let sealed = self.letter(&who, kind, said)?;
        Ok(Carried {
            kind,
            from: sealed.from,
            body: blob(sealed.body.into_vec())?,
            sig: sealed.sig.unwrap_or([0; 64]),
        })
    }

    /// A join request of `who`, and its hash.
    pub(crate) fn ask(
        &mut self,
        who: Who,
        change: impl FnOnce(&mut JoinRequest),
    ) -> Held<(Sealed, Hash)> {
        let me = self.identity(who);
        let bundle = PrivateBundle::generate(&mut self.dice).public();
        let mut join = JoinRequest {
            ident: Ident {
                iks: *me.public().iks(),
                ikd: *me.public().ikd(),
                cert: *me.public().cert(),
            },
            bundle: Bundle {
                bundle_id: bundle.bundle_id(),
                ek: *bundle.ek(),
                pk: Box::new(*bundle.pk()),
            },
            msk: self.dice.bytes(),
            join_nonce: self.dice.bytes(),
            liveness_nonce: self.dice.bytes(),
            name: Text::new(who).unwrap_or_default(),
            role: Role::Person,
            own: None,
            vouch: None,
            seen: self.newest(Kind::Heartbeat).map(hash_of),
            resume_head: None,
        };
        change(&mut join);
        let mut sealed = self.letter(&me, Kind::Join, &join)?;
        sealed.mac = Some(self.link.keys().join_mac(sealed.body.as_slice()));
        let h = hash_of(&sealed);
        Ok((sealed, h))
    }

    /// What honest devices posted of one kind in the newest session, oldest first.
    pub(crate) fn letters(&self, kind: Kind) -> impl DoubleEndedIterator<Item = &Sealed> {
        let session = self.posted.last().map(|p| p.envelope.session_id);
        let here = self.posted.iter().filter(move |p| Some(p.envelope.session_id) == session);
        here.map(|p| &p.sealed).filter(move |sealed| sealed.kind == kind)
    }

    pub(crate) fn newest(&self, kind: Kind) -> Option<&Sealed> {
        self.letters(kind).next_back()
    }

    /// The newest of `who`.
    pub(crate) fn newest_of(&mut self, who: Who, kind: Kind) -> Held<Sealed> {
        let fp = self.fp(who).0;
        let found = self.letters(kind).rev().find(|sealed| sealed.from == fp).cloned();
        found.ok_or_else(|| Fault::of(format!("no {} of {who}", kind.label())))
    }

    /// All announces, with their hashes.
    pub(crate) fn announces(&self) -> Held<Vec<(Hash, EpochAnnounce)>> {
        self.letters(Kind::Announce).map(|s| Ok((hash_of(s), read(s)?))).collect()
    }

    /// The newest announce.
    pub(crate) fn head(&self) -> Held<(Hash, EpochAnnounce)> {
        let sealed = self.newest(Kind::Announce).ok_or_else(|| Fault::of("no announce"))?;
        Ok((hash_of(sealed), read(sealed)?))
    }
}
