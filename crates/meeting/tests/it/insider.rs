//! A member whose device does what it likes: it holds the key, honestly wrapped for it, and seals
//! with its own hands.

use standfast_crypto::{Contact, Enc, Fingerprint, PrivateBundle, ReceiveChain};
use standfast_frame::{FrameContext, Sealer, Stream};
use standfast_wire::codec::from_bytes;
use standfast_wire::control::{EpochAnnounce, JoinRequest, KeyWrap, Kind};

use crate::room::{Room, identity};

impl Room {
    /// Seals what it wants in the first epoch, under the key of `under`: any member can.
    pub fn insider(&self, name: &str, prekey: &PrivateBundle, under: &str) -> Sealer {
        let (me, ines) = (identity(name), identity("ines"));
        let announce: EpochAnnounce =
            from_bytes(self.letters(Kind::Announce)[0].body.as_slice()).unwrap();
        let h_e = self.first_announce();
        let wraps = self.letters(Kind::Wrap);
        let wrap = wraps
            .iter()
            .map(|sealed| from_bytes::<KeyWrap>(sealed.body.as_slice()).unwrap())
            .find(|wrap| wrap.to == me.fingerprint().0)
            .unwrap();
        let (scope, link) = (self.scope(), self.link.keys());
        let contact = Contact {
            meeting_id: &scope.meeting_id,
            session_id: &scope.session_id,
            link_psk: link.psk(),
            join_nonce: &prekey.id(),
            term: 1,
        };
        let kem_ct = wrap.kem_ct.unwrap();
        let public = ines.public();
        let chain = ReceiveChain::contact(&me, prekey, public, &announce.gen_ek, &kem_ct, &contact)
            .unwrap();
        let opened =
            chain.open((wrap.n, &wrap.ct), &h_e, ines.fingerprint(), me.fingerprint()).unwrap();
        let roster: Vec<_> =
            announce.roster.as_slice().iter().map(|e| (e.idx, Fingerprint(e.fp))).collect();
        let mut keys = opened.secret().keys(&h_e, &roster, &[Stream::Audio as u8]);

        let whose = identity(under).fingerprint();
        let idx = roster.iter().find(|(_, fp)| *fp == whose).unwrap().0;
        let joins = self.letters(Kind::Join);
        let join = joins.iter().rev().find(|sealed| sealed.from == whose.0).unwrap();
        let join: JoinRequest = from_bytes(join.body.as_slice()).unwrap();
        let base = keys.take_base(idx, Stream::Audio as u8, &join.join_nonce).unwrap();
        let aad_metadata = Enc::new("SF1/frame")
            .bytes(&scope.meeting_id)
            .bytes(&scope.session_id)
            .bytes(&h_e)
            .bytes(&whose.0)
            .uint(Stream::Audio as u64)
            .hash();
        let context = FrameContext { aad_metadata, stream: Stream::Audio, idx, epoch: 1 };
        Sealer::new(base, &context).unwrap()
    }

    fn first_announce(&self) -> [u8; 32] {
        crate::mallory::letter_hash("SF1/ann", &self.letters(Kind::Announce)[0])
    }
}
