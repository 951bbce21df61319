//! Whether a session's passphrase is another than ours (`docs/protocol.md` §3).
//!
//! The board opens with the link alone. Without the right passphrase no join request on it passes,
//! so no announce does, so this device never asks to join: the meeting is not disturbed. What is
//! left is to tell the user, and not to be talked into it: a MAC is not signed, and everyone with
//! the link can post the organizer's own request again with a MAC that fits nothing.

use std::collections::BTreeMap;

use standfast_crypto::{Fingerprint, PublicIdentity};
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{Heartbeat, JoinRequest, MAX_ROSTER};

use crate::Refusal;
use crate::core::Core;
use crate::session::{Letter, Session, check_ident};

/// Who signed join requests of this session that do not fit our passphrase. All that it takes to
/// clear it is one request of the opener that does fit.
#[derive(Default)]
pub(crate) struct Doubt {
    signers: BTreeMap<Fingerprint, PublicIdentity>,
}

impl Doubt {
    /// Notes a join request that was refused, and passes the refusal on.
    pub(crate) fn note(
        &mut self,
        core: &Core,
        session: &Session,
        letter: &Letter,
        accepted: Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let Err(refusal) = accepted else { return Ok(()) };
        let room = self.signers.len() < MAX_ROSTER || letter.from == opener(session);
        if room && !cleared(session) && !fits(core, letter) {
            self.signers.extend(signer(session, letter).map(|who| (who.fingerprint(), who)));
        }
        Err(refusal)
    }

    /// Whether a message that was posted just now settles it: a heartbeat, signed by somebody who
    /// joined under another passphrase, in a session whose opener did so. An old session that a
    /// relay still shows has no heartbeat, and on the board of a new one the opener's request comes
    /// before any copy.
    pub(crate) fn stands(&self, core: &Core, session: &Session, letter: &Letter) -> bool {
        core.has_read(&session.id())
            && !cleared(session)
            && self.signers.contains_key(&opener(session))
            && self
                .signers
                .get(&letter.from)
                .is_some_and(|who| letter.authentic::<Heartbeat>(who, &session.scope).is_ok())
    }
}

/// Who made the first announce, and therefore joined first.
fn opener(session: &Session) -> Fingerprint {
    session.opener
}

/// A request of the opener fits our passphrase.
fn cleared(session: &Session) -> bool {
    session.newest_request(opener(session)).is_some()
}

fn fits(core: &Core, letter: &Letter) -> bool {
    letter.mac.is_some_and(|mac| core.cfg.link.check_join_mac(&letter.body, &mac).is_ok())
}

/// Who signed a join request, whatever its MAC.
fn signer(session: &Session, letter: &Letter) -> Option<PublicIdentity> {
    let ident = from_bytes::<JoinRequest>(&letter.body).ok()?.ident;
    let identity = check_ident(&ident).ok()?;
    letter.authentic::<JoinRequest>(&identity, &session.scope).ok()?;
    Some(identity)
}
