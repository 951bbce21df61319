//! A small meeting: the engines of Ines, who organizes and generates, and of Mina; and Otto, a
//! member without an engine, whose keys the harness holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use standfast_crypto::{
    Contact, Enc, Entropy, EpochKeys, Fingerprint, Identity, Link, PrivateBundle, ReceiveChain,
    Scope, Secret, kdf,
};
use standfast_frame::{FrameContext, Sealer, Stream};
use standfast_meeting::{
    Admission, Config, Hosts, Input, Meeting, Now, Output, PacketShape, Part, Phase, Policy,
};
use standfast_wire::codec::{Blob, Field, Text, Writer, from_bytes, put_array, to_bytes};
use standfast_wire::control::{
    Bundle, EpochAnnounce, Hash, Ident, JoinRequest, KeyAck, KeyWrap, Kind, Role, Sealed,
};
use standfast_wire::relay::{Envelope, SLOT_ACK, SLOT_LOG, VERSION};

/// Messages that one input may set off, at most, before something is going round in circles.
const STIR_MAX: usize = 2_000;

/// Randomness that is the same every time.
pub(crate) struct Seeded(pub(crate) u64, pub(crate) u64);

impl Entropy for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(64) {
            self.1 += 1;
            let block = kdf::<64>(b"", &self.0.to_be_bytes(), Enc::new("stage").uint(self.1));
            chunk.copy_from_slice(&block.expose()[..chunk.len()]);
        }
    }
}

/// The identity of a name.
pub(crate) fn identity(name: &str) -> Identity {
    Identity::from_seed(Secret::from_fn(|seed| {
        seed.copy_from_slice(kdf::<32>(b"id", name.as_bytes(), Enc::new("stage")).expose())
    }))
}

/// The pseudonym of a name at the relay.
pub(crate) fn poster(name: &str) -> [u8; 32] {
    *kdf::<32>(b"poster", name.as_bytes(), Enc::new("stage")).expose()
}

pub(crate) fn ident(identity: &Identity) -> Ident {
    let public = identity.public();
    Ident { iks: *public.iks(), ikd: *public.ikd(), cert: *public.cert() }
}

/// What the harness holds of Otto in the epoch in which he came.
pub(crate) struct Otto {
    pub(crate) keys: EpochKeys,
    pub(crate) h_e: Hash,
    pub(crate) sealer: Sealer,
}

/// The meeting.
pub(crate) struct Stage {
    pub(crate) ines: Meeting,
    pub(crate) mina: Meeting,
    pub(crate) now: Now,
    pub(crate) link: Link,
    pub(crate) session_id: Hash,
    /// Everything posted, with its poster.
    pub(crate) board: Vec<(&'static str, Envelope)>,
    /// The newest letter of each kind on it.
    newest: BTreeMap<&'static str, Sealed>,
    pub(crate) otto: Option<Otto>,
    /// The most that one input set off.
    stirred: usize,
    boxes: u64,
}

impl Stage {
    /// All three are in, and can speak.
    pub(crate) fn new() -> Self {
        let organizer = identity("ines").fingerprint();
        let link = Link::create("relay.test", organizer, None, &mut Seeded(9, 0));
        let now = Now { mono_ms: 1_000_000, wall_ms: 1_800_000_000_000 };
        let scheduled = ["mina", "otto"].map(|name| identity(name).fingerprint()).to_vec();
        let policy =
            Policy { admission: Admission::Lobby, hosts: Hosts::Organizer, rotate_ms: 300_000 };
        let engine = |name, part| Meeting::new(config(&link, name, part), seeded(name), now);
        let ines = engine("ines", Part::Organizer { scheduled, policy });
        let mina = engine("mina", Part::Member { prekeys: Vec::new() });
        let mut stage = Self {
            ines,
            mina,
            now,
            link,
            session_id: [0; 32],
            board: Vec::new(),
            newest: BTreeMap::new(),
            otto: None,
            stirred: 0,
            boxes: 0,
        };
        stage.open();
        stage
    }

    fn open(&mut self) {
        self.give("ines", Input::Connected);
        self.give("ines", Input::Boards(0));
        self.pass(1_500);
        self.session_id = self.board[0].1.session_id;
        self.connect("mina");
        let bundle = PrivateBundle::generate(&mut Seeded(20, 0));
        let join = self.join(&identity("otto"), &bundle);
        self.post("otto", &join);
        self.pass(2_500);
        self.otto = self.admitted(&bundle);
        if let Some(ack) = self.ack() {
            self.post("otto", &ack);
        }
        self.pass(2_500);
        assert!(self.is_live() && self.otto.is_some(), "the stage is set");
    }

    /// Whether both engines hold the key.
    pub(crate) fn is_live(&self) -> bool {
        [&self.ines, &self.mina].iter().all(|engine| engine.snapshot().phase == Phase::Live)
    }

    pub(crate) fn engine(&mut self, name: &str) -> &mut Meeting {
        if name == "ines" { &mut self.ines } else { &mut self.mina }
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope { meeting_id: self.link.meeting_id, session_id: self.session_id }
    }

    /// What everyone with the link can do: open a box,
    pub(crate) fn unbox(&self, envelope: &Envelope) -> Option<Sealed> {
        let key = self.link.keys().control(&envelope.session_id);
        let aad = header(envelope.session_id, envelope.slot);
        from_bytes(&key.open(&aad, envelope.sealed.as_slice()).ok()?).ok()
    }

    /// and make one.
    pub(crate) fn boxed(&mut self, slot: u8, sealed: &Sealed) -> Envelope {
        self.boxes += 1;
        let session_id = self.session_id;
        let key = self.link.keys().control(&session_id);
        let mut rng = Seeded(77, self.boxes);
        let boxed = key.seal(&header(session_id, slot), &to_bytes(sealed), &mut rng);
        Envelope { v: VERSION, session_id, to: None, slot, sealed: Blob::new(boxed).unwrap() }
    }

    /// A message of this session, signed by `who`.
    pub(crate) fn letter(&self, who: &Identity, kind: Kind, body: Vec<u8>) -> Sealed {
        let sig = who.sign(&self.scope(), kind.label(), &body);
        let from = who.fingerprint().0;
        Sealed { kind, from, body: Blob::new(body).unwrap(), sig: Some(sig), mac: None }
    }

    /// A join request of `who`.
    pub(crate) fn join(&mut self, who: &Identity, bundle: &PrivateBundle) -> Envelope {
        let newest = self.newest(Kind::Heartbeat).or_else(|| self.newest(Kind::Announce));
        let seen = newest.map(letter_hash);
        let public = bundle.public();
        let request = JoinRequest {
            ident: ident(who),
            bundle: Bundle {
                bundle_id: public.bundle_id(),
                ek: *public.ek(),
                pk: Box::new(*public.pk()),
            },
            msk: [5; 32],
            join_nonce: [6; 16],
            liveness_nonce: [7; 16],
            name: Text::new("Otto").unwrap(),
            role: Role::Person,
            own: None,
            vouch: None,
            seen,
            resume_head: None,
        };
        let mut sealed = self.letter(who, Kind::Join, to_bytes(&request));
        sealed.mac = Some(self.link.keys().join_mac(sealed.body.as_slice()));
        self.boxed(SLOT_LOG, &sealed)
    }

    /// Puts a message on the board without telling anyone.
    pub(crate) fn lay(&mut self, from: &'static str, envelope: &Envelope) {
        self.board.push((from, envelope.clone()));
        if let Some(sealed) = self.unbox(envelope) {
            self.newest.insert(sealed.kind.label(), sealed);
        }
    }

    /// All letters of one kind, oldest first.
    fn letters(&self, kind: Kind) -> impl DoubleEndedIterator<Item = Sealed> {
        let all = self.board.iter().filter_map(|(_, envelope)| self.unbox(envelope));
        all.filter(move |sealed| sealed.kind == kind)
    }

    pub(crate) fn newest(&self, kind: Kind) -> Option<&Sealed> {
        self.newest.get(kind.label())
    }

    /// Otto unwraps what was wrapped for him.
    fn admitted(&self, bundle: &PrivateBundle) -> Option<Otto> {
        let (me, ines) = (identity("otto"), identity("ines"));
        let fp = me.fingerprint();
        let mut wraps = self.letters(Kind::Wrap).filter_map(|s| read::<KeyWrap>(&s));
        let wrap = wraps.rfind(|wrap| wrap.to == fp.0)?;
        let mut announces = self.letters(Kind::Announce).map(|s| (letter_hash(&s), s));
        let (h_e, announce) = announces.rfind(|(h, _)| *h == wrap.h_e)?;
        let announce = read::<EpochAnnounce>(&announce)?;
        let scope = self.scope();
        let keys = self.link.keys();
        let contact = Contact {
            meeting_id: &scope.meeting_id,
            session_id: &scope.session_id,
            link_psk: keys.psk(),
            join_nonce: &[6; 16],
            term: announce.term,
        };
        let kem_ct = wrap.kem_ct?;
        let generator = ines.public();
        let chain =
            ReceiveChain::contact(&me, bundle, generator, &announce.gen_ek, &kem_ct, &contact);
        let chain = chain.ok()?;
        let opened = chain.open((wrap.n, &wrap.ct), &h_e, ines.fingerprint(), fp).ok()?;
        let roster: Vec<_> =
            announce.roster.as_slice().iter().map(|e| (e.idx, Fingerprint(e.fp))).collect();
        let mut keys = opened.secret().keys(&h_e, &roster, &[Stream::Audio as u8]);
        let idx = roster.iter().find(|(_, other)| *other == fp)?.0;
        let base = keys.take_base(idx, Stream::Audio as u8, &[6; 16])?;
        let aad_metadata = Enc::new("SF1/frame")
            .bytes(&scope.meeting_id)
            .bytes(&scope.session_id)
            .bytes(&h_e)
            .bytes(&fp.0)
            .uint(Stream::Audio as u64)
            .hash();
        let epoch = announce.epoch.into();
        let context = FrameContext { aad_metadata, stream: Stream::Audio, idx, epoch };
        Some(Otto { keys, h_e, sealer: Sealer::new(base, &context).ok()? })
    }

    fn ack(&mut self) -> Option<Envelope> {
        let otto = identity("otto");
        let Otto { keys, h_e, .. } = self.otto.as_ref()?;
        let body = KeyAck { h_e: *h_e, liveness_nonce: [8; 16], bundle: None };
        let mac = keys.ack_mac(otto.fingerprint(), h_e);
        let mut sealed = self.letter(&otto, Kind::Ack, to_bytes(&body));
        sealed.mac = Some(mac);
        Some(self.boxed(SLOT_ACK, &sealed))
    }

    /// Gives `name` one input, and everyone what follows from it.
    pub(crate) fn give(&mut self, name: &str, input: Input<'_>) {
        let now = self.now;
        self.engine(name).handle(input, now);
        self.settle();
    }

    /// Puts a message on the board, for both engines.
    pub(crate) fn post(&mut self, from: &'static str, envelope: &Envelope) {
        self.lay(from, envelope);
        for name in ["ines", "mina"].into_iter().filter(|name| *name != from) {
            let input = Input::Delivered { poster: poster(from), envelope };
            let now = self.now;
            self.engine(name).handle(input, now);
        }
        self.settle();
    }

    /// Reads the whole board anew.
    pub(crate) fn connect(&mut self, name: &'static str) {
        self.give(name, Input::Connected);
        self.give(name, Input::Boards(usize::from(!self.board.is_empty())));
        for (from, envelope) in self.board.clone() {
            self.give(name, Input::Delivered { poster: poster(from), envelope: &envelope });
        }
        self.give(name, Input::CaughtUp { session_id: self.session_id });
    }

    /// Carries out what the engines want until nothing moves.
    fn settle(&mut self) {
        self.stirred = 0;
        loop {
            let next = self.ines.poll_output().map(|output| ("ines", output));
            let next = next.or_else(|| self.mina.poll_output().map(|output| ("mina", output)));
            let Some((name, output)) = next else { return };
            self.stirred += 1;
            assert!(self.stirred < STIR_MAX, "one input set off {STIR_MAX} outputs");
            self.carry_out(name, output);
        }
    }

    fn carry_out(&mut self, name: &'static str, output: Output) {
        let (other, now) = (if name == "ines" { "mina" } else { "ines" }, self.now);
        match output {
            Output::Post(envelope) => {
                let input = Input::Delivered { poster: poster(name), envelope: &envelope };
                self.engine(other).handle(input, now);
                self.lay(name, &envelope);
            }
            Output::Media(frame) => self.engine(other).handle(Input::Media(&frame), now),
            Output::FetchBundle { slot } => {
                self.engine(name).handle(Input::Bundle { slot, blob: None }, now);
            }
            Output::Play { packet, .. } => assert!(packet.len() <= 1_500),
            _ => {}
        }
    }

    /// Lets time pass, tick by tick.
    pub(crate) fn pass(&mut self, ms: u64) {
        let until = self.now.mono_ms + ms;
        while self.now.mono_ms < until {
            let due = [self.ines.timeout_ms(), self.mina.timeout_ms()];
            let next = due.into_iter().flatten().min().unwrap_or(u64::MAX);
            let step = next.clamp(self.now.mono_ms + 1, until);
            self.now.wall_ms += step - self.now.mono_ms;
            self.now.mono_ms = step;
            for name in ["ines", "mina"] {
                if self.engine(name).timeout_ms().is_some_and(|at| at <= step) {
                    self.give(name, Input::Tick);
                    let next = self.engine(name).timeout_ms();
                    assert!(next.is_none_or(|at| at > step), "{name} is never done");
                }
            }
        }
    }
}

fn config(link: &Link, name: &str, part: Part) -> Config {
    Config {
        identity: Arc::new(identity(name)),
        meeting_id: link.meeting_id,
        organizer: link.organizer,
        link: link.keys(),
        name: name.to_owned(),
        part,
        known: Vec::new(),
        muted: false,
        audio: PacketShape::of_20_ms(80),
    }
}

fn seeded(name: &str) -> Box<Seeded> {
    Box::new(Seeded(u64::from(name.as_bytes()[0]), 0))
}

/// What an envelope's box is bound to: version, session, addressee, slot.
fn header(session_id: Hash, slot: u8) -> Vec<u8> {
    let mut w = Writer::new(Vec::new());
    put_array(&mut w, 4);
    VERSION.put(&mut w);
    session_id.put(&mut w);
    None::<[u8; 32]>.put(&mut w);
    slot.put(&mut w);
    w.into_writer()
}

fn read<T: Field>(sealed: &Sealed) -> Option<T> {
    from_bytes(sealed.body.as_slice()).ok()
}

/// The hash by which others name a letter.
pub(crate) fn letter_hash(sealed: &Sealed) -> Hash {
    let label = match sealed.kind {
        Kind::Join => "SF1/join",
        Kind::Heartbeat => "SF1/hb",
        Kind::Open => "SF1/open",
        _ => "SF1/ann",
    };
    Enc::new(label).bytes(sealed.body.as_slice()).bytes(&sealed.sig.unwrap_or([0; 64])).hash()
}
