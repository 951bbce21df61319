//! Epochs on this device: installed, in use, retiring, erased.

use std::collections::{BTreeMap, BTreeSet};

use standfast_crypto::{Enc, EpochKeys, EpochSecret, Fingerprint, MeetingCode, Scope};
use standfast_frame::{FrameContext, Opener, Sealer, Stream};
use standfast_wire::control::{Arrived, Entry, Hash, Reason, State};

use crate::Refusal;
use crate::chain::Link;
use crate::limits::{RETIRE_MS, RETIRE_REMOVAL_MS};
use crate::session::{Session, arrived_hash};

/// Streams that this version seals.
const STREAMS: [Stream; 2] = [Stream::Audio, Stream::Ping];

/// What this device seals with in one epoch.
pub(crate) struct Sealers {
    pub(crate) audio: Sealer,
    pub(crate) ping: Sealer,
}

/// One epoch whose keys this device holds.
pub(crate) struct Epoch {
    pub(crate) h: Hash,
    pub(crate) number: u32,
    pub(crate) reason: Reason,
    pub(crate) roster: Vec<Entry>,
    /// Who has acked, by idx; signed and checked.
    pub(crate) acked: BTreeSet<u16>,
    /// Invited members that an Arrival named.
    pub(crate) arrived: BTreeMap<u16, Hash>,
    /// Of the newest Arrival, as heartbeats name it.
    pub(crate) arrived_h: Hash,
    pub(crate) installed_ms: u64,
    pub(crate) active_ms: Option<u64>,
    /// Set when a newer epoch is in use.
    pub(crate) erase_at_ms: Option<u64>,
    min_ms: u64,
    max_ms: u64,
    keys: EpochKeys,
    sealers: Option<Sealers>,
    openers: BTreeMap<(u16, u8), Opener>,
}

impl Epoch {
    /// Derives the epoch's keys. The caller has checked the secret against the announce; it is
    /// erased when the caller drops it.
    pub(crate) fn install(link: &Link, secret: &EpochSecret, now_ms: u64) -> Self {
        let a = &link.announce;
        let senders: Vec<_> = link.roster().iter().map(|e| (e.idx, Fingerprint(e.fp))).collect();
        let streams = STREAMS.map(|s| s as u8);
        Self {
            h: link.h,
            number: a.epoch,
            reason: a.reason,
            roster: link.roster().to_vec(),
            acked: BTreeSet::new(),
            arrived: BTreeMap::new(),
            arrived_h: arrived_hash(&[]),
            installed_ms: now_ms,
            active_ms: None,
            erase_at_ms: None,
            min_ms: a.min_ms.into(),
            max_ms: a.max_ms.into(),
            keys: secret.keys(&link.h, &senders, &streams),
            sealers: None,
            openers: BTreeMap::new(),
        }
    }

    pub(crate) fn keys(&self) -> &EpochKeys {
        &self.keys
    }

    pub(crate) fn code(&self) -> &MeetingCode {
        self.keys.code()
    }

    pub(crate) fn entry_of(&self, fp: Fingerprint) -> Option<&Entry> {
        self.roster.iter().find(|e| e.fp == fp.0)
    }

    /// Present: `in`, or invited and arrived.
    pub(crate) fn present(&self) -> impl Iterator<Item = &Entry> {
        self.roster.iter().filter(|e| e.state != State::Off && self.join_of(e).is_some())
    }

    /// Present, or a bot off the record: everyone whose connection is waited for.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &Entry> {
        self.roster.iter().filter(|e| self.join_of(e).is_some())
    }

    /// The join request that `entry` is live with.
    pub(crate) fn join_of(&self, entry: &Entry) -> Option<Hash> {
        match entry.state {
            State::In | State::Off => Some(entry.join_h),
            State::Invited => self.arrived.get(&entry.idx).copied(),
        }
    }

    /// Members that hold a wrap and have not arrived.
    pub(crate) fn unarrived(&self) -> impl Iterator<Item = &Entry> {
        self.roster
            .iter()
            .filter(|e| e.state == State::Invited && !self.arrived.contains_key(&e.idx))
    }

    pub(crate) fn confirmed(&self) -> usize {
        self.present().filter(|e| self.acked.contains(&e.idx)).count()
    }

    pub(crate) fn all_confirmed(&self) -> bool {
        self.present().all(|e| self.acked.contains(&e.idx))
    }

    /// Notes invited members that the generator names as arrived; the first naming of an idx counts.
    ///
    /// # Errors
    /// [`Refusal::Inconsistent`] for somebody who is not invited, or a join request that is not
    /// theirs. Nothing is noted then.
    pub(crate) fn arrive(&mut self, session: &Session, named: &[Arrived]) -> Result<(), Refusal> {
        for arrived in named {
            let invited = |e: &&Entry| e.idx == arrived.idx && e.state == State::Invited;
            let entry = self.roster.iter().find(invited).ok_or(Refusal::Inconsistent)?;
            let request = session.request(&arrived.join_h).ok_or(Refusal::Inconsistent)?;
            if request.fp() != Fingerprint(entry.fp) {
                return Err(Refusal::Inconsistent);
            }
        }
        for arrived in named {
            self.arrived.entry(arrived.idx).or_insert(arrived.join_h);
        }
        // Each Arrival names all that came before it.
        if named.len() == self.arrived.len() {
            self.arrived_h = arrived_hash(named);
        }
        Ok(())
    }

    /// Makes the keys for every present member that has none yet: openers for the others, sealers
    /// for this device. Only where the roster names `own_join`, this process's own request: two
    /// processes of one identity that sealed with one join nonce would use every nonce twice.
    pub(crate) fn seat_all(
        &mut self,
        session: &Session,
        me: Fingerprint,
        own_join: &Hash,
    ) -> Result<(), Refusal> {
        let present: Vec<_> = self
            .present()
            .filter_map(|e| Some((e.idx, Fingerprint(e.fp), self.join_of(e)?)))
            .collect();
        for (idx, fp, join_h) in present {
            let Some(request) = session.request(&join_h).filter(|r| r.fp() == fp) else { continue };
            if fp == me && join_h == *own_join {
                self.seat_self(session, idx, fp, &request.join_nonce)?;
            } else if fp != me {
                self.seat_other(session, idx, fp, &request.join_nonce)?;
            }
        }
        Ok(())
    }

    fn seat_self(
        &mut self,
        session: &Session,
        idx: u16,
        fp: Fingerprint,
        nonce: &[u8; 16],
    ) -> Result<(), Refusal> {
        if self.sealers.is_some() {
            return Ok(());
        }
        let audio = self.sealer(session, idx, fp, Stream::Audio, nonce)?;
        let ping = self.sealer(session, idx, fp, Stream::Ping, nonce)?;
        self.sealers = Some(Sealers { audio, ping });
        Ok(())
    }

    fn sealer(
        &mut self,
        session: &Session,
        idx: u16,
        fp: Fingerprint,
        stream: Stream,
        nonce: &[u8; 16],
    ) -> Result<Sealer, Refusal> {
        let context = self.context(&session.scope, idx, fp, stream);
        let base = self.keys.take_base(idx, stream as u8, nonce).ok_or(Refusal::Stale)?;
        Sealer::new(base, &context).map_err(|_| Refusal::Inconsistent)
    }

    fn seat_other(
        &mut self,
        session: &Session,
        idx: u16,
        fp: Fingerprint,
        nonce: &[u8; 16],
    ) -> Result<(), Refusal> {
        for stream in STREAMS {
            let context = self.context(&session.scope, idx, fp, stream);
            // Taken already: this member is seated.
            let Some(base) = self.keys.take_base(idx, stream as u8, nonce) else { continue };
            let opener = Opener::new(base, &context).map_err(|_| Refusal::Inconsistent)?;
            self.openers.insert((idx, stream as u8), opener);
        }
        Ok(())
    }

    /// `H("SF1/frame", meeting_id, session_id, h_e, FP, stream)` and the key id's parts.
    fn context(&self, scope: &Scope, idx: u16, fp: Fingerprint, stream: Stream) -> FrameContext {
        let aad_metadata = Enc::new("SF1/frame")
            .bytes(&scope.meeting_id)
            .bytes(&scope.session_id)
            .bytes(&self.h)
            .bytes(&fp.0)
            .uint(u64::from(stream as u8))
            .hash();
        FrameContext { aad_metadata, stream, idx, epoch: self.number.into() }
    }

    pub(crate) fn sealers(&mut self) -> Option<&mut Sealers> {
        self.sealers.as_mut()
    }

    pub(crate) fn opener(&mut self, idx: u16, stream: Stream) -> Option<&mut Opener> {
        self.openers.get_mut(&(idx, stream as u8))
    }

    /// Whether a sender may use this epoch now.
    fn due(&self, now_ms: u64) -> bool {
        let age = now_ms.saturating_sub(self.installed_ms);
        age >= self.min_ms && (self.all_confirmed() || age >= self.max_ms)
    }

    /// When [`due`](Self::due) becomes true without any further ack.
    pub(crate) fn due_at_ms(&self) -> u64 {
        self.installed_ms + self.max_ms
    }

    fn expire_openers(&mut self, now_ms: u64) {
        for opener in self.openers.values_mut() {
            opener.expire(now_ms);
        }
    }
}

/// The epochs that this device holds keys of, oldest first. At most the one in use, one that is
/// coming, and those whose late frames are still opened.
#[derive(Default)]
pub(crate) struct Epochs(Vec<Epoch>);

/// What [`Epochs::tick`] did.
#[derive(Default)]
pub(crate) struct Turned {
    /// This epoch came into use.
    pub(crate) activated: Option<u32>,
    /// These were erased.
    pub(crate) erased: Vec<u32>,
}

impl Epochs {
    pub(crate) fn push(&mut self, epoch: Epoch) {
        // Receivers refuse at once frames of an idx that is not on the new roster.
        let kept: BTreeSet<u16> = epoch.roster.iter().map(|e| e.idx).collect();
        for old in &mut self.0 {
            old.openers.retain(|(idx, _), _| kept.contains(idx));
        }
        // An older epoch with the same key id bits is retired at once.
        self.0.retain(|old| old.number % 256 != epoch.number % 256);
        self.0.push(epoch);
    }

    pub(crate) fn newest(&self) -> Option<&Epoch> {
        self.0.last()
    }

    /// The epoch that is sealed under.
    pub(crate) fn active(&self) -> Option<&Epoch> {
        self.0.iter().rev().find(|e| e.active_ms.is_some())
    }

    pub(crate) fn active_mut(&mut self) -> Option<&mut Epoch> {
        self.0.iter_mut().rev().find(|e| e.active_ms.is_some())
    }

    pub(crate) fn by_h(&mut self, h: &Hash) -> Option<&mut Epoch> {
        self.0.iter_mut().find(|e| e.h == *h)
    }

    /// The epoch that a key id's low eight bits name, newest first.
    pub(crate) fn by_kid(&mut self, epoch_mod_256: u8) -> Option<&mut Epoch> {
        self.0.iter_mut().rev().find(|e| e.number % 256 == u32::from(epoch_mod_256))
    }

    /// Brings a due epoch into use and erases what is over.
    pub(crate) fn tick(&mut self, now_ms: u64) -> Turned {
        let mut turned = Turned::default();
        let newest_due = self.0.iter().rposition(|e| e.active_ms.is_some() || e.due(now_ms));
        if let Some(at) = newest_due {
            let (old, current) = self.0.split_at_mut(at);
            if current[0].active_ms.is_none() {
                current[0].active_ms = Some(now_ms);
                turned.activated = Some(current[0].number);
            }
            let keep =
                if current[0].reason == Reason::Removal { RETIRE_REMOVAL_MS } else { RETIRE_MS };
            for epoch in old {
                epoch.sealers = None;
                let at = epoch.erase_at_ms.map_or(now_ms + keep, |at| at.min(now_ms + keep));
                epoch.erase_at_ms = Some(at);
            }
        }
        self.0.retain(|epoch| {
            let over = epoch.erase_at_ms.is_some_and(|at| at <= now_ms);
            if over {
                turned.erased.push(epoch.number);
            }
            !over
        });
        self.0.iter_mut().for_each(|e| e.expire_openers(now_ms));
        turned
    }

    /// When [`tick`](Self::tick) next has something to do.
    pub(crate) fn timeout_ms(&self) -> Option<u64> {
        let erase = self.0.iter().filter_map(|e| e.erase_at_ms);
        // One that was overtaken before it came into use never does.
        let coming = |e: &&Epoch| e.active_ms.is_none() && e.erase_at_ms.is_none();
        let due = self.0.iter().filter(coming).map(Epoch::due_at_ms);
        let steps = self.0.iter().flat_map(|e| e.openers.values().filter_map(Opener::expires_ms));
        erase.chain(due).chain(steps).min()
    }
}
