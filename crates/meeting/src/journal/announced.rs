//! What an accepted announce tells: the epoch, and whatever its author and the hosts did with it.

use std::collections::BTreeSet;

use standfast_crypto::Fingerprint;
use standfast_wire::codec::{List, from_bytes};
use standfast_wire::control::{
    Act, Carried, Entry, EpochAnnounce, Hash, Kind, MAX_ROSTER, Order, Own, Reason, State, Vouch,
};

use super::{Event, Journal, Listed, Named};
use crate::Now;
use crate::chain::Link;
use crate::limits::TRIED_MAX;
use crate::session::Session;

/// What the journal remembers of the epoch before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    session_id: Hash,
    generator: Hash,
    locked: bool,
}

impl Journal {
    /// An epoch was made here, or accepted: `link` has passed every check.
    pub(crate) fn announced(&mut self, link: &Link, session: &Session, now: Now) {
        self.made_mono_ms.insert(link.announce.epoch, now.mono_ms);
        if self.made_mono_ms.len() > Self::MADE_MAX {
            self.made_mono_ms.pop_first();
        }
        for event in self.of_authority(link, session) {
            self.note(event, now);
        }
        self.note(epoch_announced(link, session), now);
        let a = &link.announce;
        let session_id = session.id();
        if self.lived.len() >= TRIED_MAX {
            self.lived.pop_first();
        }
        self.lived.insert(session_id);
        self.before = Some(Before { session_id, generator: a.generator, locked: a.locked });
    }

    /// What hosts and owners signed, and what the generator did itself.
    fn of_authority(&self, link: &Link, session: &Session) -> Vec<Event> {
        let a = &link.announce;
        let mut events: Vec<Event> =
            a.orders.as_slice().iter().filter_map(|order| of_order(order, session)).collect();
        let ordered: BTreeSet<Hash> = events.iter().filter_map(removed).collect();
        if a.reason == Reason::Removal {
            let unordered = link.left.iter().filter(|fp| !ordered.contains(&fp.0));
            events.extend(unordered.map(|fp| Event::Removed { fp: fp.0, by: a.generator }));
        }
        let before = self.before.filter(|before| before.session_id == session.id());
        let locks = |event: &Event| matches!(event, Event::Locked { .. });
        if before.is_some_and(|b| b.locked) != a.locked && !events.iter().any(locks) {
            events.push(Event::Locked { locked: a.locked, by: a.generator });
        }
        if let Some(before) = before.filter(|before| before.generator != a.generator) {
            let (term, by, from) = (a.term, a.generator, before.generator);
            events.push(Event::TookOver { term, by, from });
        }
        events
    }
}

fn removed(event: &Event) -> Option<Hash> {
    match event {
        Event::Removed { fp, .. } => Some(*fp),
        _ => None,
    }
}

fn of_order(order: &Carried, session: &Session) -> Option<Event> {
    let (by, body) = (order.from, order.body.as_slice());
    match order.kind {
        Kind::Order => of_act(by, &from_bytes(body).ok()?, session),
        Kind::Own => {
            let own: Own = from_bytes(body).ok()?;
            Some(Event::BotOwned { bot: own.bot, owner: by })
        }
        Kind::Vouch => {
            let vouch: Vouch = from_bytes(body).ok()?;
            Some(Event::DeviceChanged { old: by, new: vouch.new })
        }
        _ => None,
    }
}

fn of_act(by: Hash, order: &Order, session: &Session) -> Option<Event> {
    let target = order.target;
    match order.act {
        Act::Admit => {
            let fp = session.request(&target)?.fp().0;
            Some(Event::Admitted { join_h: target, fp, by })
        }
        Act::Remove => Some(Event::Removed { fp: target, by }),
        Act::Readmit => Some(Event::Readmitted { fp: target, by }),
        Act::Lock => Some(Event::Locked { locked: true, by }),
        Act::Unlock => Some(Event::Locked { locked: false, by }),
        // The epoch's own reason says these.
        Act::OffRecord | Act::OnRecord | Act::Rotate => None,
    }
}

fn epoch_announced(link: &Link, session: &Session) -> Event {
    let a: &EpochAnnounce = &link.announce;
    let roster = a.roster.as_slice();
    let switched;
    let who = match a.reason {
        Reason::Leave | Reason::Drop | Reason::Removal => &link.left,
        Reason::OffRecord | Reason::OnRecord => {
            switched = put_off_or_on(a);
            &switched
        }
        _ => &link.joined,
    };
    let named = |fp: &Fingerprint| Named::new(*fp, session.name_of(*fp).unwrap_or_default());
    let gets = |e: &&Entry| e.state != State::Off && e.fp != a.generator;
    Event::EpochAnnounced {
        epoch: a.epoch,
        term: a.term,
        h: link.h,
        reason: a.reason,
        generator: a.generator,
        roster: bounded(roster.iter().map(listed)),
        wrapped: bounded(roster.iter().filter(gets).map(|e| e.idx)),
        who: bounded(who.iter().map(named)),
        locked: a.locked,
    }
}

/// The bots that an announce takes off the record or puts on it, as its reason says.
fn put_off_or_on(a: &EpochAnnounce) -> Vec<Fingerprint> {
    let wanted = if a.reason == Reason::OffRecord { Act::OffRecord } else { Act::OnRecord };
    let orders = a.orders.as_slice().iter().filter(|carried| carried.kind == Kind::Order);
    let orders = orders.filter_map(|carried| from_bytes::<Order>(carried.body.as_slice()).ok());
    orders.filter(|order| order.act == wanted).map(|order| Fingerprint(order.target)).collect()
}

fn listed(e: &Entry) -> Listed {
    Listed { idx: e.idx, fp: e.fp, role: e.role, state: e.state }
}

/// A list of people on one roster, or of those who came or went with it.
fn bounded<T>(items: impl Iterator<Item = T>) -> List<T, MAX_ROSTER> {
    List::new(items.take(MAX_ROSTER).collect()).unwrap_or_default()
}
