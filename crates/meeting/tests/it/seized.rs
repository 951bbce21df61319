//! After the end, somebody takes every keychain and has the relay's whole log, and the link.
//!
//! The thief derives whatever these give, as far as the protocol's own functions go: each wrap in
//! the log is tried with each bundle of its recipient, chains are followed, and every frame is tried
//! under every key that comes of it.

use std::collections::{BTreeMap, BTreeSet};

use standfast_crypto::{
    Binding, Contact, Enc, EpochSecret, Fingerprint, Identity, PRIVATE_BUNDLE, PrivateBundle,
    PublicIdentity, ReceiveChain, Scope, Secret, hash,
};
use standfast_frame::{FrameContext, Opener, ParsedFrame, Stream};
use standfast_meeting::{Admission, Command, Phase};
use standfast_wire::codec::{from_bytes, to_bytes};
use standfast_wire::control::{EpochAnnounce, Hash, JoinRequest, KeyWrap, Kind, Sealed};
use standfast_wire::relay::Envelope;

use crate::life::meeting;
use crate::mallory::letter_hash;
use crate::room::{Room, identity};

const PEOPLE: [&str; 4] = ["ines", "mina", "jonas", "leo"];
const STREAMS: [Stream; 2] = [Stream::Audio, Stream::Ping];

/// What lies in everyone's keychain beside the identity, by the engine's word: `StorePrekey`
/// replaces what was there, `ErasePrekey` takes it out.
#[derive(Default)]
struct Keychains(BTreeMap<&'static str, Vec<Secret<PRIVATE_BUNDLE>>>);

impl Keychains {
    /// Carries out what the engines asked for since the last time.
    fn keep(&mut self, room: &mut Room) {
        for (name, device) in &mut room.devices {
            let kept = self.0.entry(name).or_default();
            if let Some(newest) = device.stored.drain(..).next_back() {
                *kept = vec![newest.to_secret()];
            }
            for id in device.erased.drain(..) {
                kept.retain(|bundle| PrivateBundle::from_secret(bundle).id() != id);
            }
        }
    }

    fn bundles(&self, name: &str) -> Vec<PrivateBundle> {
        self.0.get(name).into_iter().flatten().map(PrivateBundle::from_secret).collect()
    }
}

/// Everything that went through the relay.
#[derive(Default)]
struct Log {
    board: Vec<Envelope>,
    frames: Vec<Vec<u8>>,
}

impl Log {
    fn add(&mut self, room: &mut Room) {
        self.board.extend(room.board.drain(..).map(|(_, envelope)| envelope));
        self.frames.extend(room.sent.drain(..).map(|(_, frame)| frame));
    }
}

/// An announce as the log shows it.
struct Announced {
    h: Hash,
    scope: Scope,
    announce: EpochAnnounce,
}

struct Thief<'a> {
    room: &'a Room,
    log: &'a Log,
    keychains: &'a Keychains,
}

impl Thief<'_> {
    fn letters(&self, kind: Kind) -> impl Iterator<Item = (Scope, Sealed)> {
        let read = self.room.reader();
        let meeting_id = self.room.link.meeting_id;
        self.log.board.iter().filter_map(move |envelope| {
            let sealed = read(envelope);
            let scope = Scope { meeting_id, session_id: envelope.session_id };
            (sealed.kind == kind).then_some((scope, sealed))
        })
    }

    fn announces(&self) -> Vec<Announced> {
        self.letters(Kind::Announce)
            .map(|(scope, sealed)| Announced {
                h: letter_hash("SF1/ann", &sealed),
                scope,
                announce: from_bytes(sealed.body.as_slice()).unwrap(),
            })
            .collect()
    }

    /// Every join nonce that somebody ever asked with.
    fn join_nonces(&self, fp: Hash) -> Vec<[u8; 16]> {
        let asked = self.letters(Kind::Join).filter(|(_, sealed)| sealed.from == fp);
        asked
            .map(|(_, sealed)| from_bytes::<JoinRequest>(sealed.body.as_slice()).unwrap())
            .map(|join| join.join_nonce)
            .collect()
    }

    /// All epoch secrets that the loot gives.
    fn secrets(&self) -> Vec<(Announced, EpochSecret)> {
        let mut announces: BTreeMap<Hash, Announced> =
            self.announces().into_iter().map(|a| (a.h, a)).collect();
        let mut found = Vec::new();
        for name in PEOPLE {
            let me = identity(name);
            let mut chains: Vec<ReceiveChain> = Vec::new();
            for (_, sealed) in self.letters(Kind::Wrap) {
                let wrap: KeyWrap = from_bytes(sealed.body.as_slice()).unwrap();
                let Some(announced) = announces.get(&wrap.h_e) else { continue };
                if wrap.to != me.fingerprint().0 {
                    continue;
                }
                chains.extend(self.contacts(name, &me, announced, &wrap));
                let opened = chains.iter().find_map(|chain| open(chain, announced, &wrap));
                if let Some((secret, next)) = opened {
                    chains.push(next);
                    found.extend(announces.remove(&wrap.h_e).map(|a| (a, secret)));
                }
            }
        }
        found
    }

    /// The asymmetric part, with every stolen bundle and every nonce that it can have been made with.
    fn contacts(
        &self,
        name: &str,
        me: &Identity,
        announced: &Announced,
        wrap: &KeyWrap,
    ) -> Vec<ReceiveChain> {
        let a = &announced.announce;
        let (Some(kem_ct), Some(generator)) = (&wrap.kem_ct, public(a.generator)) else {
            return Vec::new();
        };
        let keys = self.room.link.keys();
        let mut chains = Vec::new();
        for bundle in self.keychains.bundles(name) {
            let nonces = self.join_nonces(wrap.to).into_iter().chain([bundle.id()]);
            chains.extend(nonces.filter_map(|join_nonce| {
                let contact = Contact {
                    meeting_id: &announced.scope.meeting_id,
                    session_id: &announced.scope.session_id,
                    link_psk: keys.psk(),
                    join_nonce: &join_nonce,
                    term: a.term,
                };
                ReceiveChain::contact(me, &bundle, &generator, &a.gen_ek, kem_ct, &contact).ok()
            }));
        }
        chains
    }

    /// The frames that open, by their place in the log, with the epoch that each belongs to.
    fn opens(&self) -> BTreeMap<usize, u32> {
        let mut opened = BTreeMap::new();
        for (announced, secret) in self.secrets() {
            let mut openers = self.openers(&announced, &secret);
            for (at, frame) in self.log.frames.iter().enumerate() {
                let kid = ParsedFrame::parse(frame).unwrap().kid();
                for opener in openers.iter_mut().filter(|opener| opener.answers_to(kid)) {
                    let parsed = ParsedFrame::parse(frame).unwrap();
                    // Steps far ahead are rationed by time, of which a thief has enough.
                    let now_ms = at as u64 * 10_000;
                    let opens =
                        |f: standfast_frame::ScreenedFrame<'_, '_>| f.open(&mut Vec::new()).is_ok();
                    if opener.screen(parsed, now_ms).is_ok_and(opens) {
                        opened.insert(at, announced.announce.epoch);
                    }
                }
            }
        }
        opened
    }

    /// One opener for each entry, stream and join that its sender may have been live with.
    fn openers(&self, announced: &Announced, secret: &EpochSecret) -> Vec<Opener> {
        let entries = announced.announce.roster.as_slice();
        let roster: Vec<_> = entries.iter().map(|e| (e.idx, Fingerprint(e.fp))).collect();
        let mut openers = Vec::new();
        for (entry, stream) in entries.iter().flat_map(|e| STREAMS.map(|s| (e, s))) {
            for nonce in self.join_nonces(entry.fp) {
                let mut keys = secret.keys(&announced.h, &roster, &STREAMS.map(|s| s as u8));
                let base = keys.take_base(entry.idx, stream as u8, &nonce).unwrap();
                let aad_metadata = Enc::new("SF1/frame")
                    .bytes(&announced.scope.meeting_id)
                    .bytes(&announced.scope.session_id)
                    .bytes(&announced.h)
                    .bytes(&entry.fp)
                    .uint(u64::from(stream as u8))
                    .hash();
                let epoch = announced.announce.epoch.into();
                let context = FrameContext { aad_metadata, stream, idx: entry.idx, epoch };
                openers.push(Opener::new(base, &context).unwrap());
            }
        }
        openers
    }
}

fn public(fp: Hash) -> Option<PublicIdentity> {
    PEOPLE.iter().map(|name| identity(name).public().clone()).find(|p| p.fingerprint().0 == fp)
}

fn open(
    chain: &ReceiveChain,
    announced: &Announced,
    wrap: &KeyWrap,
) -> Option<(EpochSecret, ReceiveChain)> {
    let a = &announced.announce;
    let from = Fingerprint(a.generator);
    let opened = chain.open((wrap.n, &wrap.ct), &wrap.h_e, from, Fingerprint(wrap.to)).ok()?;
    let roster_h = hash("SF1/roster", &to_bytes(&a.roster));
    let binding = Binding { roster_h: &roster_h, prev_h: &a.prev_h, term: a.term, epoch: a.epoch };
    opened.secret().check(&binding, &a.key_commit).ok()?;
    Some(opened.commit())
}

/// The first day: everyone is there and makes a bundle for the next.
fn first_day(log: &mut Log, keychains: &mut Keychains) -> Room {
    let mut room = meeting(&["mina", "jonas"]);
    speak(&mut room, &["ines", "mina", "jonas"]);
    room.command("ines", Command::End);
    room.pass(2_000);
    keychains.keep(&mut room);
    log.add(&mut room);
    room
}

/// The second, up to its third epoch: Mina comes in by her bundle, Jonas stays away, Leo comes late.
/// Speech in every epoch.
fn second_day(room: &mut Room, keychains: &Keychains) {
    room.now.mono_ms += 86_400_000;
    room.now.wall_ms += 86_400_000;
    room.devices.clear();
    room.organizer(&["mina", "jonas"], Admission::AnyoneWithLink);
    room.pass(100);
    room.member("mina", keychains.bundles("mina"));
    room.pass(10);
    assert_eq!(room.see("mina").active.unwrap().number, 1, "Mina comes in by her bundle");
    speak(room, &["ines", "mina"]);
    room.pass(32_000);
    assert_eq!(room.see("ines").active.unwrap().number, 2, "Jonas is out");
    speak(room, &["ines", "mina"]);
    room.member("leo", Vec::new());
    room.pass(3_000);
    speak(room, &["ines", "mina", "leo"]);
}

/// The rest of the day: a rotation with fresh contacts, a leaver, the end.
fn end(room: &mut Room, log: &mut Log, keychains: &mut Keychains) {
    room.pass(301_000);
    speak(room, &["ines", "mina", "leo"]);
    room.command("leo", Command::Leave);
    room.pass(3_000);
    speak(room, &["ines", "mina"]);
    room.command("ines", Command::End);
    room.pass(2_000);
    assert!(matches!(room.see("mina").phase, Phase::Left(_)));
    keychains.keep(room);
    log.add(room);
}

fn speak(room: &mut Room, names: &[&str]) {
    for name in names {
        for n in 0..3 {
            room.say(name, (room.now.mono_ms % 1_000_000_000) as u32 + 960 * n);
        }
    }
}

fn epochs(opened: &BTreeMap<usize, u32>) -> BTreeSet<u32> {
    opened.values().copied().collect()
}

#[test]
fn a_seized_keychain_and_the_whole_log_open_no_frame() {
    let (mut log, mut keychains) = (Log::default(), Keychains::default());
    let mut room = first_day(&mut log, &mut keychains);
    second_day(&mut room, &keychains);
    // Jonas comes after all: what he could have listened with is replaced.
    room.member("jonas", keychains.bundles("jonas"));
    room.pass(3_000);
    assert_eq!(room.see("jonas").phase, Phase::Live);
    end(&mut room, &mut log, &mut keychains);
    let left: Vec<_> = PEOPLE.iter().map(|name| keychains.bundles(name).len()).collect();
    assert_eq!(left, [0, 1, 1, 1], "there are bundles for next time to steal");
    let thief = Thief { room: &room, log: &log, keychains: &keychains };
    assert!(log.frames.len() > 40 && thief.announces().len() > 6);
    assert_eq!(thief.opens(), BTreeMap::new());
}

#[test]
fn who_was_invited_and_stayed_away_opens_the_first_epoch_and_no_more() {
    let (mut log, mut keychains) = (Log::default(), Keychains::default());
    let mut room = first_day(&mut log, &mut keychains);
    second_day(&mut room, &keychains);
    end(&mut room, &mut log, &mut keychains);
    let opened = Thief { room: &room, log: &log, keychains: &keychains }.opens();
    assert_eq!(epochs(&opened), BTreeSet::from([1]));
    // And it is his bundle that opens it.
    keychains.0.remove("jonas");
    assert_eq!(Thief { room: &room, log: &log, keychains: &keychains }.opens(), BTreeMap::new());
}

#[test]
fn a_prekey_that_was_not_erased_would_open_what_came_after() {
    let (mut log, mut keychains) = (Log::default(), Keychains::default());
    let mut room = first_day(&mut log, &mut keychains);
    let first_day: Vec<_> = keychains.bundles("mina").iter().map(|b| b.to_secret()).collect();
    second_day(&mut room, &keychains);
    end(&mut room, &mut log, &mut keychains);
    // As if `ErasePrekey` had not been carried out.
    keychains.0.insert("mina", first_day);
    let thief = Thief { room: &room, log: &log, keychains: &keychains };
    let epochs = epochs(&thief.opens());
    assert!(epochs.is_superset(&BTreeSet::from([1, 2, 3])), "{epochs:?}");
    let last = thief.announces().iter().map(|a| a.announce.epoch).max().unwrap();
    assert!(!epochs.contains(&last), "fresh contacts heal: {epochs:?}");
}
