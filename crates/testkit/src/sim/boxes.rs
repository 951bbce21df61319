//! What everyone with the link can do: open the boxes on a board, and make the box of a bundle.

use standfast_crypto::{Enc, Identity, LinkKeys, PrivateBundle, Scope};
use standfast_wire::codec::{Blob, from_bytes, to_bytes};
use standfast_wire::control::{Bundle, Hash, Ident, Kind, PrekeyBundle, Sealed};
use standfast_wire::record;
use standfast_wire::relay::{Envelope, VERSION};

use super::dice::Dice;

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

/// The session id under which prekey bundles are sealed and signed.
const NO_SESSION: Hash = [0; 32];

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
pub(crate) fn hash_of(label: &str, sealed: &Sealed) -> Option<Hash> {
    Some(Enc::new(label).bytes(sealed.body.as_slice()).bytes(&sealed.sig?).hash())
}

/// A prekey bundle as the app uploads it when a link is added, for the relay's slot.
pub(crate) fn prekey_blob(
    link: &LinkKeys,
    who: &Identity,
    meeting_id: [u8; 16],
    private: &PrivateBundle,
    dice: &mut Dice,
) -> Option<Vec<u8>> {
    let (me, bundle) = (who.public(), private.public());
    let prekey = PrekeyBundle {
        ident: Ident { iks: *me.iks(), ikd: *me.ikd(), cert: *me.cert() },
        seq: 1,
        bundle: Bundle {
            bundle_id: bundle.bundle_id(),
            ek: *bundle.ek(),
            pk: Box::new(*bundle.pk()),
        },
    };
    let body = to_bytes(&prekey);
    let scope = Scope { meeting_id, session_id: NO_SESSION };
    let sig = Some(who.sign(&scope, Kind::Bundle.label(), &body));
    let from = who.fingerprint().0;
    let sealed = Sealed { kind: Kind::Bundle, from, body: Blob::new(body).ok()?, sig, mac: None };
    let aad = header(NO_SESSION, None, 0);
    let boxed = link.control(&NO_SESSION).seal(&aad, &to_bytes(&sealed), dice);
    Some(to_bytes(&Envelope {
        v: VERSION,
        session_id: NO_SESSION,
        to: None,
        slot: 0,
        sealed: Blob::new(boxed).ok()?,
    }))
}
