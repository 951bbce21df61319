//! Who may do what: hosts' orders, owners' and old devices' statements (`docs/protocol.md` §5).
//!
//! Whatever needs a host is carried out by the generator only with a host's signed [`Order`] in its
//! announce, its own included, so that everyone sees and checks who wanted it.

use std::collections::BTreeMap;

use standfast_crypto::Fingerprint;
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{Act, Carried, EpochAnnounce, Hash, Kind, Order, Own, Vouch};

use crate::Refusal;
use crate::chain::Node;
use crate::limits::ORDER_EPOCHS;
use crate::session::Session;

/// The statements of one announce, each checked: signature, right, freshness.
#[derive(Debug, Default, Clone)]
pub(crate) struct Statements {
    /// Join requests that a host lets in, and which host.
    pub(crate) admitted: BTreeMap<Hash, Fingerprint>,
    /// Removed, and by whom.
    pub(crate) removed: BTreeMap<Fingerprint, Fingerprint>,
    /// Removed ones who may ask again, and the head that the organizer saw: what came after it stands.
    pub(crate) readmitted: BTreeMap<Fingerprint, Hash>,
    /// Locked or unlocked, and by whom.
    pub(crate) locked: Option<(bool, Fingerprint)>,
    /// Bots whose key is taken (`false`) or given (`true`), and by whom.
    pub(crate) record: BTreeMap<Fingerprint, (bool, Fingerprint)>,
    /// A new key was asked for by this host.
    pub(crate) rotated: Option<Fingerprint>,
    /// Owners of bots, by the bot's join request.
    pub(crate) owners: BTreeMap<Hash, (Fingerprint, Fingerprint)>,
    /// Old devices, by the new one's join request.
    pub(crate) vouches: BTreeMap<Hash, Vouched>,
}

/// One device's word for another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vouched {
    pub(crate) new: Fingerprint,
    pub(crate) old: Fingerprint,
}

/// What a statement is about: two about the same thing contradict or repeat each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Key(Fingerprint),
    Admission(Hash),
    Owner(Hash),
    Device(Hash),
    Lock,
    Epoch,
}

/// A statement with a good signature by somebody of this session.
pub(crate) struct Stated {
    pub(crate) from: Fingerprint,
    pub(crate) at_h: Hash,
    pub(crate) what: What,
}

/// What was stated.
pub(crate) enum What {
    Order(Order),
    Own(Own),
    Vouch(Vouch),
}

impl What {
    pub(crate) fn about(&self) -> About {
        match self {
            Self::Order(order) => match order.act {
                Act::Admit => About::Admission(order.target),
                Act::Lock | Act::Unlock => About::Lock,
                Act::Rotate => About::Epoch,
                _ => About::Key(Fingerprint(order.target)),
            },
            Self::Own(own) => About::Owner(own.join_h),
            Self::Vouch(vouch) => About::Device(vouch.join_h),
        }
    }
}

/// Checks the signature of a carried statement. Says nothing about its author's rights.
///
/// # Errors
/// [`Refusal::NotAuthentic`] for a wrong signature, [`Refusal::NotAllowed`] for an unknown author.
pub(crate) fn stated(session: &Session, carried: &Carried) -> Result<Stated, Refusal> {
    let from = Fingerprint(carried.from);
    let identity = session.identity_of(from).ok_or(Refusal::NotAllowed)?;
    let body = carried.body.as_slice();
    identity.verify(&session.scope, carried.kind.label(), body, &carried.sig)?;
    let (at_h, what) = match carried.kind {
        Kind::Order => {
            let order: Order = from_bytes(body)?;
            (order.at_h, What::Order(order))
        }
        Kind::Own => {
            let own: Own = from_bytes(body)?;
            (own.at_h, What::Own(own))
        }
        Kind::Vouch => {
            let vouch: Vouch = from_bytes(body)?;
            (vouch.at_h, What::Vouch(vouch))
        }
        _ => return Err(Refusal::Malformed),
    };
    Ok(Stated { from, at_h, what })
}

/// Checks one statement against the chain that ends with `path` (newest first).
///
/// # Errors
/// [`Refusal::NotAllowed`] for an author without the right, [`Refusal::Stale`] for one that is too
/// old, was carried before, or was overtaken by a later one on the same target.
pub(crate) fn check_statement(
    session: &Session,
    path: &[&Node],
    carried: &Carried,
) -> Result<Stated, Refusal> {
    let stated = stated(session, carried)?;
    let seen = path.iter().take(ORDER_EPOCHS).position(|node| node.link.h == stated.at_h);
    let since = &path[..seen.ok_or(Refusal::Stale)?];
    // A new key may be asked for again and again, but not by words that were carried out already.
    let repeats = matches!(stated.what, What::Order(Order { act: Act::Rotate, .. }));
    let overtaken = |other: &Carried| {
        // The signatures of those were checked when their announce was.
        let about = what_of(other).map(|what| what.about());
        let again = other.body == carried.body && (!repeats || other.from == carried.from);
        again || (!repeats && about.is_some_and(|about| about == stated.what.about()))
    };
    let mut later = since.iter().flat_map(|node| node.link.announce.orders.as_slice());
    if later.any(overtaken) {
        return Err(Refusal::Stale);
    }
    if may(session, path, &stated) { Ok(stated) } else { Err(Refusal::NotAllowed) }
}

fn what_of(carried: &Carried) -> Option<What> {
    let body = carried.body.as_slice();
    match carried.kind {
        Kind::Order => from_bytes(body).ok().map(What::Order),
        Kind::Own => from_bytes(body).ok().map(What::Own),
        Kind::Vouch => from_bytes(body).ok().map(What::Vouch),
        _ => None,
    }
}

/// Whether the author may state this.
fn may(session: &Session, path: &[&Node], stated: &Stated) -> bool {
    let Some(node) = path.first() else { return false };
    let head = &node.link;
    let organizer = session.organizer.fingerprint();
    let holds = |fp: Fingerprint| head.entry_of(fp);
    // Whoever is not on the roster has no say: somebody who left, or was removed a moment ago.
    let Some(author) = holds(stated.from) else { return false };
    if author.role != standfast_wire::control::Role::Person {
        return false;
    }
    let host = session.is_host(stated.from);
    match &stated.what {
        What::Order(order) => match order.act {
            Act::Readmit => stated.from == organizer,
            Act::Remove => {
                let target = Fingerprint(order.target);
                host && target != organizer && node.is_removable(target)
            }
            Act::OffRecord => {
                let bot = holds(Fingerprint(order.target));
                host || bot.is_some_and(|bot| bot.owner == Some(stated.from.0))
            }
            _ => host,
        },
        What::Own(_) => true,
        What::Vouch(vouch) => Fingerprint(vouch.new) != stated.from,
    }
}

/// Checks everything that an announce carries.
///
/// # Errors
/// The first statement's that does not pass; two on one target are [`Refusal::Inconsistent`].
pub(crate) fn statements(
    session: &Session,
    path: &[&Node],
    announce: &EpochAnnounce,
) -> Result<Statements, Refusal> {
    let mut all = Statements::default();
    let mut subjects: Vec<About> = Vec::new();
    for carried in announce.orders.as_slice() {
        let stated = check_statement(session, path, carried)?;
        let about = stated.what.about();
        if about != About::Epoch && subjects.contains(&about) {
            return Err(Refusal::Inconsistent);
        }
        subjects.push(about);
        all.add(session, stated)?;
    }
    Ok(all)
}

impl Statements {
    fn add(&mut self, session: &Session, stated: Stated) -> Result<(), Refusal> {
        let (by, at_h) = (stated.from, stated.at_h);
        match stated.what {
            What::Order(order) => {
                let target = Fingerprint(order.target);
                match order.act {
                    Act::Admit => drop(self.admitted.insert(order.target, by)),
                    Act::Remove => drop(self.removed.insert(target, by)),
                    Act::Readmit => drop(self.readmitted.insert(target, at_h)),
                    Act::Lock => self.locked = Some((true, by)),
                    Act::Unlock => self.locked = Some((false, by)),
                    Act::OffRecord => drop(self.record.insert(target, (false, by))),
                    Act::OnRecord => drop(self.record.insert(target, (true, by))),
                    Act::Rotate => self.rotated = Some(by),
                }
            }
            What::Own(own) => {
                let request = session.request(&own.join_h).ok_or(Refusal::Missing)?;
                if request.fp() != Fingerprint(own.bot) {
                    return Err(Refusal::Inconsistent);
                }
                self.owners.insert(own.join_h, (Fingerprint(own.bot), by));
            }
            What::Vouch(vouch) => {
                let request = session.request(&vouch.join_h).ok_or(Refusal::Missing)?;
                let new = Fingerprint(vouch.new);
                let names = request.pairing.as_ref().is_some_and(|p| p.old == by.0);
                if request.fp() != new || !names {
                    return Err(Refusal::Inconsistent);
                }
                self.vouches.insert(vouch.join_h, Vouched { new, old: by });
            }
        }
        Ok(())
    }
}
