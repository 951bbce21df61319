//! Statements on the board that wait for an announce to carry them: orders, owners', vouches.

use standfast_crypto::Fingerprint;
use standfast_wire::codec::{Blob, from_bytes};
use standfast_wire::control::{Act, Carried, Hash, Kind, MAX_ORDERS, Order};

use crate::Refusal;
use crate::authority::{About, Stated, What, check_statement, stated};
use crate::chain::Node;
use crate::session::{Letter, Session};

/// Statements kept at once: four announces full. The oldest make room.
const POSTED_MAX: usize = 4 * MAX_ORDERS;

/// What hosts, owners and old devices have said and no announce of the chain has carried.
#[derive(Default)]
pub(crate) struct Posted(Vec<Carried>);

impl Posted {
    /// Notes a statement as it lay on the board, if its author signed it.
    pub(crate) fn note(&mut self, session: &Session, letter: &Letter) -> Result<Stated, Refusal> {
        let carried = Carried {
            kind: letter.kind,
            from: letter.from.0,
            body: Blob::new(letter.body.clone())?,
            sig: letter.sig.ok_or(Refusal::NotAuthentic)?,
        };
        let said = stated(session, &carried)?;
        self.add(carried);
        Ok(said)
    }

    pub(crate) fn add(&mut self, carried: Carried) {
        if self.0.contains(&carried) {
            return;
        }
        if self.0.len() >= POSTED_MAX {
            self.0.remove(0);
        }
        self.0.push(carried);
    }

    /// Those that may be carried by the next announce after `path`; the others are forgotten, but
    /// for ones that name a head that has not come yet.
    pub(crate) fn valid(&mut self, session: &Session, path: &[&Node]) -> Vec<(Carried, Stated)> {
        let mut valid: Vec<(Carried, Stated)> = Vec::new();
        self.0.retain(|carried| match check_statement(session, path, carried) {
            Ok(stated) => {
                let again =
                    |(_, other): &(Carried, Stated)| other.what.about() == stated.what.about();
                if let Some(at) = valid.iter().position(again) {
                    valid.remove(at); // the later word counts
                }
                valid.push((carried.clone(), stated));
                true
            }
            Err(Refusal::Stale | Refusal::NotAllowed | Refusal::Malformed) => false,
            Err(_) => true,
        });
        valid
    }

    /// Whether something about this may be carried by the next announce after `path`.
    pub(crate) fn is_open(&self, session: &Session, path: &[&Node], about: About) -> bool {
        let open = |carried: &Carried| {
            check_statement(session, path, carried).is_ok_and(|said| said.what.about() == about)
        };
        self.0.iter().any(open)
    }

    /// Whether somebody says that the bot of `join_h` is theirs, and who.
    pub(crate) fn owner_of(&self, session: &Session, join_h: &Hash) -> Option<Fingerprint> {
        self.0.iter().rev().find_map(|carried| match stated(session, carried) {
            Ok(Stated { from, what: What::Own(own), .. }) if own.join_h == *join_h => Some(from),
            _ => None,
        })
    }

    /// Forgets what `orders` carried.
    pub(crate) fn carried(&mut self, orders: &[Carried]) {
        self.0.retain(|carried| !orders.contains(carried));
    }
}

/// Whether an announce should be made for this checked statement alone.
pub(crate) fn is_due(carried: &Carried) -> bool {
    match carried.kind {
        // Admissions are gathered with the joins; an owner's word waits for its bot.
        Kind::Order => {
            from_bytes::<Order>(carried.body.as_slice()).is_ok_and(|order| order.act != Act::Admit)
        }
        kind => kind == Kind::Vouch,
    }
}
