//! One session as everyone with the link sees it: its Open, its join requests, its envelopes.

use std::collections::BTreeMap;

use standfast_crypto::{
    ControlKey, Enc, Entropy, Fingerprint, Identity, PublicBundle, PublicIdentity, Scope, hash,
};
use standfast_wire::codec::{Blob, Field, List, from_bytes, to_bytes};
use standfast_wire::control::{
    Bundle, Hash, Hosts, Ident, JoinRequest, Kind, MeetingOpen, Pairing, Policy, Role, Sealed,
    SignedDeputies,
};
use standfast_wire::record;
use standfast_wire::relay::{Envelope, SLOT_LOG, VERSION};

use crate::deputies::DeputyList;
use crate::limits::REQUESTS_MAX;
use crate::{Config, Opening, Refusal};

record! {
    /// What an envelope's box is bound to.
    pub struct EnvelopeHeader {
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

/// Seals `sealed` into an envelope for everyone.
pub(crate) fn seal_envelope(
    key: &ControlKey,
    session_id: Hash,
    slot: u8,
    sealed: &Sealed,
    entropy: &mut dyn Entropy,
) -> Option<Envelope> {
    let header = EnvelopeHeader { v: VERSION, session_id, to: None, slot };
    let boxed = key.seal(&to_bytes(&header), &to_bytes(sealed), entropy);
    Some(Envelope { v: VERSION, session_id, to: None, slot, sealed: Blob::new(boxed).ok()? })
}

/// Opens an envelope. Says nothing about who made it: everyone with the link could have.
pub(crate) fn open_envelope(key: &ControlKey, envelope: &Envelope) -> Result<Letter, Refusal> {
    if envelope.v != VERSION {
        return Err(Refusal::Unsupported);
    }
    let header = EnvelopeHeader {
        v: envelope.v,
        session_id: envelope.session_id,
        to: envelope.to,
        slot: envelope.slot,
    };
    let content = key.open(&to_bytes(&header), envelope.sealed.as_slice())?;
    let sealed: Sealed = from_bytes(&content)?;
    Ok(Letter {
        kind: sealed.kind,
        from: Fingerprint(sealed.from),
        body: sealed.body.into_vec(),
        sig: sealed.sig,
        mac: sealed.mac,
    })
}

/// An opened message whose author is only claimed.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) kind: Kind,
    pub(crate) from: Fingerprint,
    pub(crate) body: Vec<u8>,
    pub(crate) sig: Option<[u8; 64]>,
    pub(crate) mac: Option<[u8; 32]>,
}

/// A message that its author signed in this session. Only [`Letter::authentic`] makes one.
pub(crate) struct Authentic<T> {
    pub(crate) from: Fingerprint,
    pub(crate) message: T,
    /// `H("SF1/<what>", body, sig)` by [`Authentic::hash`].
    body: Vec<u8>,
    sig: [u8; 64],
}

impl<T> Authentic<T> {
    pub(crate) fn hash(&self, label: &str) -> Hash {
        Enc::new(label).bytes(&self.body).bytes(&self.sig).hash()
    }

    /// As it was signed.
    pub(crate) fn signed(&self) -> (Vec<u8>, [u8; 64]) {
        (self.body.clone(), self.sig)
    }
}

impl Letter {
    /// Checks the signature of `author`, then decodes.
    pub(crate) fn authentic<T: Field>(
        &self,
        author: &PublicIdentity,
        scope: &Scope,
    ) -> Result<Authentic<T>, Refusal> {
        let sig = self.sig.ok_or(Refusal::NotAuthentic)?;
        if author.fingerprint() != self.from {
            return Err(Refusal::NotAuthentic);
        }
        author.verify(scope, self.kind.label(), &self.body, &sig)?;
        Ok(Authentic {
            from: self.from,
            message: from_bytes(&self.body)?,
            body: self.body.clone(),
            sig,
        })
    }
}

/// A join request that was checked: MAC, identity and signature.
pub(crate) struct Request {
    pub(crate) h: Hash,
    pub(crate) identity: PublicIdentity,
    pub(crate) bundle: PublicBundle,
    pub(crate) join_nonce: [u8; 16],
    pub(crate) liveness_nonce: [u8; 16],
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Order of arrival here.
    pub(crate) nth: usize,
    pub(crate) seen: Option<Hash>,
    /// Whom a bot names as its owner.
    pub(crate) own: Option<Fingerprint>,
    /// The device that this one is to replace, by its word.
    pub(crate) pairing: Option<Pairing>,
    /// The head that its device kept across a reconnect or a split.
    pub(crate) resume_head: Option<Hash>,
    /// Pseudonym at the relay, by the relay's word: good for hints only. None for what this process
    /// posted itself.
    pub(crate) poster: Option<[u8; 32]>,
}

impl Request {
    pub(crate) fn fp(&self) -> Fingerprint {
        self.identity.fingerprint()
    }
}

pub(crate) fn check_ident(ident: &Ident) -> Result<PublicIdentity, Refusal> {
    Ok(PublicIdentity::check(ident.iks, ident.ikd, ident.cert)?)
}

pub(crate) fn ident_of(identity: &Identity) -> Ident {
    let public = identity.public();
    Ident { iks: *public.iks(), ikd: *public.ikd(), cert: *public.cert() }
}

pub(crate) fn public_bundle(bundle: Bundle) -> Result<PublicBundle, Refusal> {
    Ok(PublicBundle::check(bundle.bundle_id, bundle.ek, bundle.pk)?)
}

pub(crate) fn wire_bundle(bundle: &PublicBundle) -> Bundle {
    Bundle { bundle_id: bundle.bundle_id(), ek: *bundle.ek(), pk: Box::new(*bundle.pk()) }
}

/// What everyone in a session agrees on before any epoch.
pub(crate) struct Session {
    pub(crate) scope: Scope,
    pub(crate) control: ControlKey,
    pub(crate) organizer: PublicIdentity,
    /// Who signed Open and makes the first announce: the organizer, or a deputy.
    pub(crate) opener: Fingerprint,
    /// The list by which a deputy opened.
    deputies: Option<DeputyList>,
    pub(crate) open_h: Hash,
    pub(crate) policy: Policy,
    pub(crate) scheduled: Vec<Fingerprint>,
    requests: BTreeMap<Hash, Request>,
    /// Open, join requests and announces as posted, for a relay that lost its board.
    log: Vec<Envelope>,
}

/// Messages kept for a relay that lost its board, at most.
const LOG_MAX: usize = 4_096;

impl Session {
    /// Remembers a message that a lost board must show again.
    pub(crate) fn log(&mut self, envelope: &Envelope) {
        if self.log.len() < LOG_MAX {
            self.log.push(envelope.clone());
        }
    }

    /// What a lost board held.
    pub(crate) fn logged(&self) -> &[Envelope] {
        &self.log
    }

    /// A session from an Open that the link's organizer signed, or a deputy by a list that is not
    /// older than the one `known`.
    pub(crate) fn from_open(
        cfg: &Config,
        known: Option<&DeputyList>,
        envelope: &Envelope,
    ) -> Result<Self, Refusal> {
        let control = cfg.link.control(&envelope.session_id);
        let letter = open_envelope(&control, envelope)?;
        if letter.kind != Kind::Open {
            return Err(Refusal::NotAllowed);
        }
        let claimed = from_bytes::<MeetingOpen>(&letter.body)?;
        let opener = check_ident(&claimed.ident)?;
        let deputies = deputies_of(cfg, known, letter.from, claimed.deputies)?;
        let scope = Scope { meeting_id: cfg.meeting_id, session_id: envelope.session_id };
        let open = letter.authentic::<MeetingOpen>(&opener, &scope)?;
        if open.message.session_id != envelope.session_id || !policy_ok(&open.message.policy) {
            return Err(Refusal::Inconsistent);
        }
        let open_h = open.hash("SF1/open");
        let scheduled = open.message.scheduled.into_vec().into_iter().map(Fingerprint).collect();
        Ok(Self {
            scope,
            control,
            opener: opener.fingerprint(),
            organizer: deputies.as_ref().map_or(opener, |list| list.organizer().clone()),
            deputies,
            open_h,
            policy: open.message.policy,
            scheduled,
            requests: BTreeMap::new(),
            log: vec![envelope.clone()],
        })
    }

    /// Opens a new session: draws its id and signs its Open. The envelope is the first of the log.
    pub(crate) fn create(
        cfg: &Config,
        opening: &Opening,
        deputies: Option<&DeputyList>,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Refusal> {
        let by_list = deputies.filter(|_| cfg.identity.fingerprint() != cfg.organizer);
        let mut session_id = [0; 32];
        entropy.fill(&mut session_id);
        let scope = Scope { meeting_id: cfg.meeting_id, session_id };
        let list = opening.scheduled.iter().map(|fp| fp.0).collect();
        let open = MeetingOpen {
            session_id,
            ident: ident_of(&cfg.identity),
            policy: opening.policy.clone(),
            scheduled: List::new(list)?,
            deputies: by_list.map(|list| list.signed().clone()),
        };
        let body = to_bytes(&open);
        let sig = cfg.identity.sign(&scope, Kind::Open.label(), &body);
        let from = cfg.identity.fingerprint().0;
        let sealed =
            Sealed { kind: Kind::Open, from, body: Blob::new(body)?, sig: Some(sig), mac: None };
        let control = cfg.link.control(&session_id);
        let envelope = seal_envelope(&control, session_id, SLOT_LOG, &sealed, entropy)
            .ok_or(Refusal::Malformed)?;
        Self::from_open(cfg, deputies, &envelope)
    }

    /// May admit, remove and lock: the organizer, a deputy who opened, and whom the policy names
    /// that Open signed.
    pub(crate) fn is_host(&self, fp: Fingerprint) -> bool {
        let scheduled = self.policy.hosts == Hosts::Scheduled && self.scheduled.contains(&fp);
        fp == self.organizer.fingerprint() || fp == self.opener || scheduled
    }

    /// Comes in unasked: the organizer, always, and the scheduled.
    pub(crate) fn expects(&self, fp: Fingerprint) -> bool {
        fp == self.organizer.fingerprint() || self.scheduled.contains(&fp)
    }

    /// Whose Open is preferred before anyone else is there: the organizer's, then by the order of
    /// the list.
    pub(crate) fn rank(&self) -> usize {
        let listed = self.deputies.as_ref().and_then(|list| list.rank_of(self.opener));
        listed.map_or(0, |place| place + 1)
    }

    /// The list by which a deputy opened.
    pub(crate) fn deputies(&self) -> Option<&DeputyList> {
        self.deputies.as_ref()
    }

    pub(crate) fn id(&self) -> Hash {
        self.scope.session_id
    }

    /// Signs and seals a message of this session.
    pub(crate) fn letter<T: Field>(
        &self,
        me: &Identity,
        kind: Kind,
        slot: u8,
        message: &T,
        mac: Option<[u8; 32]>,
        entropy: &mut dyn Entropy,
    ) -> Option<(Envelope, Hash)> {
        let body = to_bytes(message);
        let sig = me.sign(&self.scope, kind.label(), &body);
        let h = Enc::new(hash_label(kind)).bytes(&body).bytes(&sig).hash();
        let sealed = Sealed {
            kind,
            from: me.fingerprint().0,
            body: Blob::new(body).ok()?,
            sig: Some(sig),
            mac,
        };
        Some((seal_envelope(&self.control, self.id(), slot, &sealed, entropy)?, h))
    }

    /// Checks and remembers a join request. Each join nonce counts once per session.
    pub(crate) fn accept_join(
        &mut self,
        cfg: &Config,
        letter: &Letter,
        poster: Option<[u8; 32]>,
    ) -> Result<&Request, Refusal> {
        let mac = letter.mac.ok_or(Refusal::NotAuthentic)?;
        cfg.link.check_join_mac(&letter.body, &mac)?;
        let identity = check_ident(&from_bytes::<JoinRequest>(&letter.body)?.ident)?;
        let join = letter.authentic::<JoinRequest>(&identity, &self.scope)?;
        let h = join.hash("SF1/join");
        let join = join.message;
        // Of one key: a nonce that somebody else copied takes nothing from its owner, and the keys it
        // salts are another's anyway.
        let repeats = |r: &Request| r.join_nonce == join.join_nonce && r.identity == identity;
        if self.requests.values().any(repeats) {
            return Err(Refusal::Stale);
        }
        if self.requests.len() >= REQUESTS_MAX {
            return Err(Refusal::NotAllowed);
        }
        let request = Request {
            h,
            identity,
            bundle: public_bundle(join.bundle)?,
            join_nonce: join.join_nonce,
            liveness_nonce: join.liveness_nonce,
            name: join.name.as_str().trim().to_owned(),
            role: join.role,
            nth: self.requests.len(),
            seen: join.seen,
            own: join.own.map(Fingerprint),
            pairing: join.vouch,
            resume_head: join.resume_head,
            poster,
        };
        Ok(self.requests.entry(h).or_insert(request))
    }

    pub(crate) fn request(&self, h: &Hash) -> Option<&Request> {
        self.requests.get(h)
    }

    /// Whether this process made the request.
    pub(crate) fn is_own(&self, h: &Hash) -> bool {
        self.request(h).is_some_and(|request| request.poster.is_none())
    }

    /// The newest name that `fp` came with.
    pub(crate) fn name_of(&self, fp: Fingerprint) -> Option<&str> {
        self.requests
            .values()
            .filter(|r| r.fp() == fp)
            .max_by_key(|r| r.nth)
            .map(|r| r.name.as_str())
    }

    /// The identity of somebody who asked to join, or of the organizer.
    pub(crate) fn identity_of(&self, fp: Fingerprint) -> Option<&PublicIdentity> {
        if self.organizer.fingerprint() == fp {
            return Some(&self.organizer);
        }
        self.requests.values().find(|r| r.fp() == fp).map(|r| &r.identity)
    }

    /// Who signed a letter, whatever it says.
    pub(crate) fn author_of(&self, letter: &Letter) -> Option<Fingerprint> {
        let (author, sig) = (self.identity_of(letter.from)?, letter.sig?);
        author.verify(&self.scope, letter.kind.label(), &letter.body, &sig).ok()?;
        Some(letter.from)
    }

    /// The newest join request of `fp`.
    pub(crate) fn newest_request(&self, fp: Fingerprint) -> Option<Hash> {
        self.requests.values().filter(|r| r.fp() == fp).max_by_key(|r| r.nth).map(|r| r.h)
    }

    /// Whether the request `h` came after `other`, or `other` is none.
    pub(crate) fn is_later(&self, h: &Hash, other: &Hash) -> bool {
        let nth = |h| self.request(h).map(|r| r.nth);
        nth(h) > nth(other)
    }

    pub(crate) fn fps_of_poster(&self, poster: &[u8; 32]) -> impl Iterator<Item = Fingerprint> {
        self.requests.values().filter(move |r| r.poster.as_ref() == Some(poster)).map(Request::fp)
    }
}

/// Labels of the hashes that other messages refer to.
pub(crate) const fn hash_label(kind: Kind) -> &'static str {
    match kind {
        Kind::Open => "SF1/open",
        Kind::Join => "SF1/join",
        Kind::Announce => "SF1/ann",
        Kind::Heartbeat => "SF1/hb",
        _ => "SF1/message",
    }
}

/// By which list `opener` may open; none for the organizer.
fn deputies_of(
    cfg: &Config,
    known: Option<&DeputyList>,
    opener: Fingerprint,
    claimed: Option<SignedDeputies>,
) -> Result<Option<DeputyList>, Refusal> {
    let list = match claimed {
        None if opener == cfg.organizer => return Ok(None),
        Some(signed) if opener != cfg.organizer => DeputyList::check(cfg, signed)?,
        _ => return Err(Refusal::NotAllowed),
    };
    list.rank_of(opener).ok_or(Refusal::NotAllowed)?;
    if known.is_some_and(|known| known.serial() > list.serial()) {
        return Err(Refusal::Stale);
    }
    Ok(Some(list))
}

fn policy_ok(policy: &Policy) -> bool {
    (60_000..=1_800_000).contains(&policy.rotate_ms)
}

/// `H("SF1/arrived", list)`.
pub(crate) fn arrived_hash(named: &[standfast_wire::control::Arrived]) -> Hash {
    let list = standfast_wire::codec::List::<_, { standfast_wire::control::MAX_ROSTER }>::new(
        named.to_vec(),
    );
    hash("SF1/arrived", &to_bytes(&list.unwrap_or_default()))
}
