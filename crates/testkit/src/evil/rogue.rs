//! A generator whose device does what it likes: it signs any announce, and wraps as it should.

use standfast_crypto::{
    Binding, Contact, EpochSecret, Fingerprint, GeneratorKey, PublicBundle, PublicIdentity,
    SendChain, hash,
};
use standfast_wire::codec::{Blob, List, to_bytes};
use standfast_wire::control::{
    Carried, Entry, EpochAnnounce, Hash, Heartbeat, Ident, JoinRequest, KeyAck, KeyWrap, Kind,
    Reason, Role, Sealed, State,
};
use standfast_wire::relay::Envelope;

use super::forge::{hash_of, read};
use super::stage::{Stage, Who};
use super::{Fault, Held};

/// An announce that was made by hand, with its wraps.
pub(crate) struct Made {
    pub(crate) h: Hash,
    pub(crate) said: EpochAnnounce,
    pub(crate) announce: Envelope,
    pub(crate) wraps: Vec<Envelope>,
}

/// Which secret the wraps hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapping {
    /// The one that the announce commits to.
    Honest,
    /// Another one.
    Another,
}

/// How the announce came to its commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commit {
    /// To what is announced.
    ToThis,
    /// To what was going to be announced, before it was changed.
    ToBefore,
}

impl Stage {
    /// The announce that `by` could honestly make after `base`: the same people, a new secret.
    pub(crate) fn next(&mut self, base: &(Hash, EpochAnnounce), by: Who) -> Held<EpochAnnounce> {
        let (h, last) = base;
        let generator = self.fp(by).0;
        let takes_over = generator != last.generator;
        let roster = last.roster.as_slice().to_vec();
        let roster = roster.into_iter().map(|e| self.fresh(e)).collect::<Held<Vec<_>>>()?;
        Ok(EpochAnnounce {
            term: last.term + u32::from(takes_over),
            epoch: last.epoch + 1,
            generator,
            prev_h: *h,
            reason: if takes_over { Reason::Takeover } else { Reason::Manual },
            roster: list(roster)?,
            min_ms: 0,
            max_ms: 2_000,
            orders: List::default(),
            merged_h: None,
            ..last.clone()
        })
    }

    /// An entry with the nonce that its member said last.
    fn fresh(&mut self, entry: Entry) -> Held<Entry> {
        let acked = self.letters(Kind::Ack).rev().find(|sealed| sealed.from == entry.fp);
        match acked {
            Some(sealed) => {
                let nonce = read::<KeyAck>(sealed)?.liveness_nonce;
                Ok(Entry { nonce, ..entry })
            }
            None => Ok(entry),
        }
    }

    /// Signs `announce` as its author, and wraps the secret for `to`.
    pub(crate) fn make(
        &mut self,
        by: Who,
        mut announce: EpochAnnounce,
        to: &[Who],
        (commit, wrapping): (Commit, Wrapping),
        change: impl FnOnce(&mut EpochAnnounce),
    ) -> Held<Made> {
        let me = self.identity(by);
        let gen_key = GeneratorKey::generate(&mut self.dice);
        announce.gen_ek = gen_key.public();
        let before = announce.clone();
        change(&mut announce);
        let committed = if commit == Commit::ToThis { announce.clone() } else { before };
        let secret = self.draw(&me.hedge(), &committed);
        announce.key_commit = commitment(&secret, &committed);
        let secret = match wrapping {
            Wrapping::Honest => secret,
            Wrapping::Another => self.draw(&me.hedge(), &committed),
        };
        let sealed = self.letter(&me, Kind::Announce, &announce)?;
        let h = hash_of(&sealed);
        let envelope = self.enclose(&sealed)?;
        let mut wraps = Vec::new();
        for who in to {
            wraps.push(self.wrap(by, who, (&gen_key, &secret), &h, announce.term)?);
        }
        Ok(Made { h, said: announce, announce: envelope, wraps })
    }

    fn draw(&mut self, hedge: &standfast_crypto::Secret<32>, a: &EpochAnnounce) -> EpochSecret {
        let nonces: Vec<_> = a.roster.as_slice().iter().map(|e| e.nonce).collect();
        let roster_h = hash("SF1/roster", &to_bytes(&a.roster));
        let binding =
            Binding { roster_h: &roster_h, prev_h: &a.prev_h, term: a.term, epoch: a.epoch };
        EpochSecret::draw(&mut self.dice, hedge, nonces.iter(), &binding)
    }

    fn wrap(
        &mut self,
        by: Who,
        to: Who,
        (gen_key, secret): (&GeneratorKey, &EpochSecret),
        h: &Hash,
        term: u32,
    ) -> Held<Envelope> {
        let (me, fp, scope) = (self.identity(by), self.fp(to), self.scope()?);
        let (peer, bundle, join_nonce) = self.contact_of(fp)?;
        let keys = self.link.keys();
        let contact = Contact {
            meeting_id: &scope.meeting_id,
            session_id: &scope.session_id,
            link_psk: keys.psk(),
            join_nonce: &join_nonce,
            term,
        };
        let chain = SendChain::contact(&me, gen_key, &peer, &bundle, &contact, &mut self.dice);
        let mut chain = chain.map_err(|_| Fault::of("unusable bundle"))?;
        let wrapped = chain.wrap(h, me.fingerprint(), fp, secret);
        let wrap = KeyWrap {
            h_e: *h,
            to: fp.0,
            bundle_id: bundle.bundle_id(),
            n: wrapped.n,
            kem_ct: wrapped.kem_ct,
            ct: wrapped.ct,
        };
        let body = Blob::new(to_bytes(&wrap)).map_err(|_| Fault::of("wrap too long"))?;
        let from = me.fingerprint().0;
        self.enclose(&Sealed { kind: Kind::Wrap, from, body, sig: None, mac: None })
    }

    /// A member's identity, newest bundle and join nonce, as everyone with the link can read them.
    fn contact_of(&self, fp: Fingerprint) -> Held<(PublicIdentity, PublicBundle, [u8; 16])> {
        let lost = || Fault::of("no contact");
        let join = self.letters(Kind::Join).rev().find(|s| s.from == fp.0).ok_or_else(lost)?;
        let join: JoinRequest = read(join)?;
        let identity = public(&join.ident)?;
        let mut bundle = join.bundle;
        for ack in self.letters(Kind::Ack).rev().filter(|s| s.from == fp.0) {
            if let Some(newer) = read::<KeyAck>(ack)?.bundle {
                bundle = newer;
                break;
            }
        }
        let bundle = PublicBundle::check(bundle.bundle_id, bundle.ek, bundle.pk);
        Ok((identity, bundle.map_err(|_| lost())?, join.join_nonce))
    }

    /// Hands an announce and its wraps to a device. Says whether it was followed, or let in at all.
    pub(crate) fn offer(&mut self, to: Who, made: &Made) -> Held<Offered> {
        let (before, refused) = (self.look(to)?, self.refusals(to)?);
        let poster = self.dice.bytes();
        self.hand(to, poster, &made.announce)?;
        let refused = self.refusals(to)? > refused;
        for wrap in &made.wraps {
            self.hand(to, poster, wrap)?;
        }
        let after = self.look(to)?;
        Ok(Offered { installed: after.knows(&made.h), changed: after != before, refused })
    }

    /// A heartbeat by `by` for the announce `h`.
    pub(crate) fn beat(
        &mut self,
        by: Who,
        h: Hash,
        announce: &EpochAnnounce,
        age_ms: u64,
    ) -> Held<Envelope> {
        let acked = announce.roster.as_slice().iter().map(|e| e.idx).collect();
        let beat = Heartbeat {
            term: announce.term,
            epoch: announce.epoch,
            h_e: h,
            age_ms,
            acked: list(acked)?,
            arrived_h: self.dice.bytes(),
            prev_hb: self.dice.bytes(),
        };
        self.forge(by, Kind::Heartbeat, &beat)
    }

    /// Who may take over from this roster: the organizer, hosts, everyone else, by idx.
    pub(crate) fn succession(&mut self, roster: &[Entry], hosts: &[Who]) -> Held<Vec<u16>> {
        let organizer = self.link.organizer.0;
        let hosts: Vec<_> = hosts.iter().map(|who| self.fp(who).0).collect();
        let mut heirs: Vec<_> =
            roster.iter().filter(|e| e.role == Role::Person && e.state != State::Off).collect();
        heirs.sort_by_key(|e| (e.fp != organizer, !hosts.contains(&e.fp), e.idx));
        Ok(heirs.into_iter().take(16).map(|e| e.idx).collect())
    }

    /// Puts `roster` into `announce`, with the succession that follows from it.
    pub(crate) fn list(
        &mut self,
        announce: &mut EpochAnnounce,
        mut roster: Vec<Entry>,
        hosts: &[Who],
    ) -> Held {
        roster.sort_by_key(|e| e.idx);
        announce.succession = list(self.succession(&roster, hosts)?)?;
        announce.roster = list(roster)?;
        Ok(())
    }
}

/// What became of an announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offered {
    /// Its key is held.
    pub(crate) installed: bool,
    /// Something that people see is another.
    pub(crate) changed: bool,
    /// The announce itself was counted as refused.
    pub(crate) refused: bool,
}

impl Offered {
    /// Nothing came of it, and it was not even kept for later.
    pub(crate) fn is_refused(self) -> bool {
        !self.installed && !self.changed && self.refused
    }
}

pub(crate) fn list<T, const MAX: usize>(items: Vec<T>) -> Held<List<T, MAX>> {
    List::new(items).map_err(|_| Fault::of("too long a list"))
}

pub(crate) fn orders(announce: &mut EpochAnnounce, orders: Vec<Carried>) -> Held {
    announce.orders = list(orders)?;
    Ok(())
}

pub(crate) fn public(ident: &Ident) -> Held<PublicIdentity> {
    let checked = PublicIdentity::check(ident.iks, ident.ikd, ident.cert);
    checked.map_err(|_| Fault::of("an identity that does not hold"))
}

fn commitment(secret: &EpochSecret, a: &EpochAnnounce) -> [u8; 32] {
    let roster_h = hash("SF1/roster", &to_bytes(&a.roster));
    let binding = Binding { roster_h: &roster_h, prev_h: &a.prev_h, term: a.term, epoch: a.epoch };
    secret.commitment(&binding)
}
