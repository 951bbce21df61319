//! The text that carries a running meeting from one device of a user to another.
//!
//! `standfast-device:1.<key of the device that shows it>.<pairing code>.<link>`, where the code may
//! be empty: then it is typed. A text of its own kind, so that nobody joins as somebody else by
//! pasting an ordinary link.

use standfast_crypto::{Fingerprint, Link, LinkError, PairingCode};
use zeroize::Zeroizing;

const SCHEME: &str = "standfast-device:";
const VERSION: &str = "1";
const KEY: &str = "standfast-key:1.";

/// What such a text says.
pub struct DeviceInvite {
    /// The device that shows it, and has to vouch.
    pub old: Fingerprint,
    /// The code, if it is in the text.
    pub code: Option<PairingCode>,
    /// The meeting.
    pub link: Link,
}

impl DeviceInvite {
    /// Whether a text is one of these at all.
    #[must_use]
    pub fn looks_like(text: &str) -> bool {
        text.trim().starts_with(SCHEME)
    }

    /// Reads a text, as scanned or pasted.
    ///
    /// # Errors
    /// [`LinkError`]: it is cut off or mistyped, or needs a newer Standfast.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let rest = text.trim().strip_prefix(SCHEME).ok_or(LinkError::Incomplete)?;
        let mut parts = rest.splitn(4, '.');
        let mut next = || parts.next().ok_or(LinkError::Incomplete);
        if next()? != VERSION {
            return Err(LinkError::Newer);
        }
        let key = format!("{KEY}{}", next()?);
        let old = Fingerprint::from_qr_text(&key).map_err(|_| LinkError::Incomplete)?;
        let code = match next()? {
            "" => None,
            code => Some(PairingCode::parse(code).map_err(|_| LinkError::Incomplete)?),
        };
        Ok(Self { old, code, link: Link::parse(next()?)? })
    }

    /// Writes a text. `code` as [`PairingCode::text`] gives it, or empty. It holds the link's secret,
    /// and the code if given: show it, do not log it.
    #[must_use]
    pub fn write(old: Fingerprint, code: &str, link: &str) -> Zeroizing<String> {
        let key = old.qr_text();
        let key = key.strip_prefix(KEY).unwrap_or_default();
        Zeroizing::new(format!("{SCHEME}{VERSION}.{key}.{code}.{link}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::OsEntropy;

    #[test]
    fn a_text_reads_as_it_was_written_with_and_without_the_code() {
        let old = Fingerprint([7; 32]);
        let link = Link::create("relay.example:7440", Fingerprint([1; 32]), None, &mut OsEntropy);
        let code = PairingCode::generate(&mut OsEntropy);
        let full = DeviceInvite::write(old, &code.text(), &link.to_text());
        let read = DeviceInvite::parse(&format!(" {}\n", *full)).unwrap();
        assert_eq!((read.old, read.link.meeting_id), (old, link.meeting_id));
        assert_eq!(read.code.unwrap().text(), code.text());
        let bare = DeviceInvite::write(old, "", &link.to_text());
        assert!(!bare.contains(code.text().as_str()));
        assert!(DeviceInvite::parse(&bare).unwrap().code.is_none());
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_refused() {
        let link = Link::create("relay.example", Fingerprint([1; 32]), None, &mut OsEntropy);
        let code = PairingCode::generate(&mut OsEntropy);
        let full = DeviceInvite::write(Fingerprint([7; 32]), &code.text(), &link.to_text());
        assert!((0..full.len()).all(|to| DeviceInvite::parse(&full[..to]).is_err()));
        assert!(DeviceInvite::parse(&link.to_text()).is_err());
        let newer = full.replacen(":1.", ":2.", 1);
        assert!(matches!(DeviceInvite::parse(&newer), Err(LinkError::Newer)));
        assert!(Link::parse(&full).is_err(), "an older client does not join with it");
    }
}
