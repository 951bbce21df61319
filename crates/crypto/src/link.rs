//! The meeting link and the keys that everyone with the link has (`docs/protocol.md` §3, §4).

use core::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::enc::{Enc, hash, hmac, kdf};
use crate::{Entropy, Fingerprint, PassphraseKey, Refused, Secret, aead};

/// Sealed control messages are padded to a multiple of this many bytes.
pub const BOX_STEP: usize = 256;
const NONCE: usize = 12;

/// A parsed link. Its secret half never reaches a relay.
pub struct Link {
    /// `host:port`, or a host name alone for the standard port.
    pub relay: String,
    /// Names the meeting at the relay.
    pub meeting_id: [u8; 16],
    /// Grows when the organizer makes a new link.
    pub link_epoch: u32,
    /// Who may open the meeting.
    pub organizer: Fingerprint,
    /// SHA-256 of the relay's certificate, for a relay on a local network.
    pub relay_cert: Option<[u8; 32]>,
    secret: Secret<16>,
}

/// Why a text is not a link, in the words that a user can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not a Standfast link at all, or cut off.
    #[error("the link is not complete")]
    Incomplete,
    /// Made by a version that this one does not know.
    #[error("the link needs a newer Standfast")]
    Newer,
}

impl Link {
    /// A new meeting's link.
    pub fn create(
        relay: &str,
        organizer: Fingerprint,
        relay_cert: Option<[u8; 32]>,
        entropy: &mut dyn Entropy,
    ) -> Self {
        let mut meeting_id = [0; 16];
        entropy.fill(&mut meeting_id);
        let secret = Secret::random(entropy);
        Self { relay: relay.to_owned(), meeting_id, link_epoch: 1, organizer, relay_cert, secret }
    }

    /// A link whose parts were stored.
    #[must_use]
    pub fn restore(
        relay: String,
        meeting_id: [u8; 16],
        link_epoch: u32,
        organizer: Fingerprint,
        relay_cert: Option<[u8; 32]>,
        secret: Secret<16>,
    ) -> Self {
        Self { relay, meeting_id, link_epoch, organizer, relay_cert, secret }
    }

    /// The secret half, to be stored sealed.
    #[must_use]
    pub fn secret(&self) -> &Secret<16> {
        &self.secret
    }

    /// Reads a link, as pasted.
    ///
    /// # Errors
    /// [`LinkError`] says whether the link is broken or too new.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let rest = text.trim().strip_prefix("standfast://").ok_or(LinkError::Incomplete)?;
        let (place, fragment) = rest.split_once('#').ok_or(LinkError::Incomplete)?;
        let (relay, meeting) = place.split_once('/').ok_or(LinkError::Incomplete)?;
        let mut parts = fragment.split('.');
        match parts.next().and_then(|v| v.parse::<u32>().ok()) {
            Some(1) => {}
            Some(v) if v > 1 => return Err(LinkError::Newer),
            _ => return Err(LinkError::Incomplete),
        }
        let link_epoch = parts.next().and_then(|e| e.parse().ok()).ok_or(LinkError::Incomplete)?;
        let organizer = Fingerprint(decode(parts.next())?);
        let mut secret = Zeroizing::new(decode::<16>(parts.next())?);
        let relay_cert = parts.next().map(|p| decode(Some(p))).transpose()?;
        if parts.next().is_some() || !relay_name_ok(relay) {
            return Err(LinkError::Incomplete);
        }
        let (relay, meeting_id) = (relay.to_owned(), decode(Some(meeting))?);
        Ok(Self {
            relay,
            meeting_id,
            link_epoch,
            organizer,
            relay_cert,
            secret: Secret::from_slice_wiping(&mut secret),
        })
    }

    /// The text to send to the team. It holds the secret: show it, do not log it.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(256));
        let (meeting, fp) =
            (URL_SAFE_NO_PAD.encode(self.meeting_id), URL_SAFE_NO_PAD.encode(self.organizer.0));
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.secret.expose()));
        let _ = write!(
            text,
            "standfast://{}/{meeting}#1.{}.{fp}.{}",
            self.relay, self.link_epoch, *secret
        );
        if let Some(cert) = &self.relay_cert {
            let _ = write!(text, ".{}", URL_SAFE_NO_PAD.encode(cert));
        }
        text
    }

    /// The keys of everyone with the link, of a meeting without a passphrase.
    #[must_use]
    pub fn keys(&self) -> LinkKeys {
        self.keys_from(self.secret.expose())
    }

    /// The same with a passphrase. It is mixed into [`LinkKeys::psk`] and nothing else: who has the
    /// link alone still reads the board, and finds there that a passphrase is missing.
    #[must_use]
    pub fn keys_with(&self, passphrase: &PassphraseKey) -> LinkKeys {
        let both = Secret::<48>::from_fn(|both| {
            let (first, second) = both.split_at_mut(32);
            first.copy_from_slice(passphrase.secret().expose());
            second.copy_from_slice(self.secret.expose());
        });
        self.keys_from(both.expose())
    }

    fn keys_from(&self, psk_from: &[u8]) -> LinkKeys {
        LinkKeys {
            psk: kdf(b"", psk_from, Enc::new("SF1/psk")),
            dir: kdf(b"", self.secret.expose(), Enc::new("SF1/dir")),
            secret: Secret::from_fn(|out| out.copy_from_slice(self.secret.expose())),
            link_epoch: self.link_epoch,
        }
    }
}

fn relay_name_ok(relay: &str) -> bool {
    !relay.is_empty()
        && relay.len() <= 255
        && relay
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
}

fn decode<const N: usize>(part: Option<&str>) -> Result<[u8; N], LinkError> {
    let bytes =
        URL_SAFE_NO_PAD.decode(part.unwrap_or_default()).map_err(|_| LinkError::Incomplete)?;
    let bytes = Zeroizing::new(bytes);
    bytes.as_slice().try_into().map_err(|_| LinkError::Incomplete)
}

/// Keys that everyone with the link derives. They hide from the relay; they authenticate nobody.
pub struct LinkKeys {
    psk: Secret<32>,
    dir: Secret<32>,
    secret: Secret<16>,
    link_epoch: u32,
}

impl LinkKeys {
    /// `link_psk`, salt of every wrap chain. With a passphrase, only who knows it has this.
    #[must_use]
    pub fn psk(&self) -> &Secret<32> {
        &self.psk
    }

    /// The relay's slot for the prekey bundle of `fp`.
    #[must_use]
    pub fn bundle_slot(&self, fp: Fingerprint) -> [u8; 32] {
        hmac(self.dir.expose(), &fp.0)
    }

    /// The relay's slot for the list of deputies that `organizer` signed.
    #[must_use]
    pub fn deputies_slot(&self, organizer: Fingerprint) -> [u8; 32] {
        hmac(self.dir.expose(), &hash("SF1/deputies", &organizer.0))
    }

    /// Which link of the meeting these keys are from: a new link counts one more.
    #[must_use]
    pub fn link_epoch(&self) -> u32 {
        self.link_epoch
    }

    /// MAC of a join request, checked before its signature.
    #[must_use]
    pub fn join_mac(&self, body: &[u8]) -> [u8; 32] {
        let key = kdf::<32>(b"", self.psk.expose(), Enc::new("SF1/joinmac"));
        hmac(key.expose(), body)
    }

    /// Checks [`join_mac`](Self::join_mac) in constant time.
    ///
    /// # Errors
    /// [`Refused`] for anyone without the link, or without the meeting's passphrase.
    pub fn check_join_mac(&self, body: &[u8], mac: &[u8; 32]) -> Result<(), Refused> {
        use subtle::ConstantTimeEq;
        if self.join_mac(body).ct_eq(mac).into() { Ok(()) } else { Err(Refused) }
    }

    /// The key of a session's envelopes.
    #[must_use]
    pub fn control(&self, session_id: &[u8; 32]) -> ControlKey {
        ControlKey(kdf(b"", self.secret.expose(), Enc::new("SF1/control").bytes(session_id)))
    }
}

/// Seals and opens the boxes of one session's envelopes.
pub struct ControlKey(Secret<32>);

impl ControlKey {
    /// `nonce || AES-256-GCM(u32 length || content || zeros)`, in steps of [`BOX_STEP`].
    #[must_use]
    pub fn seal(&self, aad: &[u8], content: &[u8], entropy: &mut dyn Entropy) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce);
        let padded_len = (4 + content.len()).next_multiple_of(BOX_STEP);
        let mut padded = Vec::with_capacity(padded_len);
        padded.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
        padded.extend_from_slice(content);
        padded.resize(padded_len, 0);
        let mut boxed = nonce.to_vec();
        boxed.extend_from_slice(&aead::seal(&self.0, &nonce, aad, &padded));
        boxed
    }

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// [`Refused`] for a wrong key, `aad`, length or padding.
    pub fn open(&self, aad: &[u8], boxed: &[u8]) -> Result<Vec<u8>, Refused> {
        let (nonce, sealed) = boxed.split_first_chunk::<NONCE>().ok_or(Refused)?;
        let mut padded = aead::open(&self.0, nonce, aad, sealed)?;
        let (len, rest) = padded.split_first_chunk::<4>().ok_or(Refused)?;
        let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| Refused)?;
        let zeros = rest.get(len..).ok_or(Refused)?;
        if zeros.iter().any(|b| *b != 0) || padded.len() != (4 + len).next_multiple_of(BOX_STEP) {
            return Err(Refused);
        }
        padded.drain(..4);
        padded.truncate(len);
        Ok(padded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    fn link() -> Link {
        Link::create("relay.example:8443", Fingerprint([3; 32]), None, &mut Seeded::new(1))
    }

    #[test]
    fn link_round_trip() {
        for cert in [None, Some([4; 32])] {
            let mut made = link();
            made.relay_cert = cert;
            let text = made.to_text();
            let read = Link::parse(&format!("  {}\n", *text)).unwrap();
            assert_eq!(read.to_text(), text);
            assert_eq!(read.organizer, Fingerprint([3; 32]));
            assert!(read.keys().psk().ct_eq(made.keys().psk().expose()));
        }
    }

    #[test]
    fn a_passphrase_only_adds() {
        let with = |key: u8| PassphraseKey::restore(Secret::from_fn(|out| out.fill(key)));
        let (plain, keyed) = (link().keys(), link().keys_with(&with(1)));
        // Another passphrase, none, or another link: another psk.
        let mut other = link();
        other.secret = Secret::from_fn(|out| out.fill(9));
        for foreign in [&plain, &link().keys_with(&with(2)), &other.keys_with(&with(1))] {
            assert!(!foreign.psk().ct_eq(keyed.psk().expose()));
            assert!(keyed.check_join_mac(b"body", &foreign.join_mac(b"body")).is_err());
        }
        assert!(link().keys_with(&with(1)).psk().ct_eq(keyed.psk().expose()));
        // The board opens without it.
        let boxed = keyed.control(&[1; 32]).seal(b"aad", b"x", &mut Seeded::new(2));
        assert_eq!(plain.control(&[1; 32]).open(b"aad", &boxed).unwrap(), b"x");
        let fp = Fingerprint([3; 32]);
        assert_eq!(plain.bundle_slot(fp), keyed.bundle_slot(fp));
    }

    #[test]
    fn every_cut_link_is_incomplete_and_a_new_one_says_so() {
        let text = link().to_text();
        for end in 0..text.len() {
            assert!(Link::parse(&text[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(Link::parse(&text.replace("#1.", "#2.")).err(), Some(LinkError::Newer));
        assert_eq!(
            Link::parse(&text.replace("relay.example", "relay example")).err(),
            Some(LinkError::Incomplete)
        );
    }

    #[test]
    fn boxes_have_one_size_per_step_and_open_only_untouched() {
        let key = link().keys().control(&[1; 32]);
        let mut rng = Seeded::new(2);
        let small = key.seal(b"aad", b"x", &mut rng);
        assert_eq!(small.len(), key.seal(b"aad", &[7; 200], &mut rng).len());
        assert_eq!(key.open(b"aad", &small).unwrap(), b"x");
        assert!(key.open(b"AAD", &small).is_err());
        assert!(link().keys().control(&[2; 32]).open(b"aad", &small).is_err());
        for bit in 0..small.len() * 8 {
            let mut flipped = small.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(b"aad", &flipped).is_err());
        }
        assert!(key.open(b"aad", &small[..10]).is_err());
    }
}
