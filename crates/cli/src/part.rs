//! As what to take part: a person, a bot, or another device of the same user.

use std::path::Path;

use anyhow::{Context, Result, bail};
use standfast_client::pairing::DeviceInvite;
use standfast_client::profile::As;
use standfast_crypto::{Fingerprint, Link, PairingCode};
use zeroize::Zeroizing;

use crate::JoinArgs;

/// The meeting, and as what to join it.
pub(crate) fn target(args: &JoinArgs) -> Result<(Link, As)> {
    if DeviceInvite::looks_like(&args.link) {
        let DeviceInvite { old, code, link } = DeviceInvite::parse(&args.link)?;
        let code = match (code, &args.pairing_code_file) {
            (Some(code), None) => code,
            (None, Some(file)) => read_code(file)?,
            (None, None) => bail!("give the pairing code with --pairing-code-file"),
            (Some(_), Some(_)) => bail!("the link holds a pairing code already"),
        };
        return Ok((link, As::NewDevice { old, code }));
    }
    let link = Link::parse(&args.link)?;
    let part = match (&args.owner, &args.pairing_code_file, &args.replaces) {
        (Some(owner), ..) => As::Bot { owner: fingerprint(owner)? },
        (None, Some(file), Some(old)) => {
            As::NewDevice { old: fingerprint(old)?, code: read_code(file)? }
        }
        _ => As::Person,
    };
    Ok((link, part))
}

/// A fingerprint as `standfast fingerprint` prints it: its id, or the text inside its QR code.
pub(crate) fn fingerprint(text: &str) -> Result<Fingerprint> {
    let text = text.trim();
    if let Ok(fp) = Fingerprint::from_qr_text(text) {
        return Ok(fp);
    }
    let digit =
        |at: usize| text.get(2 * at..2 * at + 2).and_then(|d| u8::from_str_radix(d, 16).ok());
    let hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let bytes: Option<Vec<u8>> = (0..32).map(digit).collect();
    let bytes = bytes.filter(|_| hex).and_then(|bytes| bytes.try_into().ok());
    bytes.map(Fingerprint).context("this is neither a fingerprint's id nor the text of its QR code")
}

/// A file, because a command line is seen by everyone on the computer.
fn read_code(file: &Path) -> Result<PairingCode> {
    let text = Zeroizing::new(
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?,
    );
    PairingCode::parse(&text).ok().context("this file holds no pairing code")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_printed() {
        let fp = Fingerprint([0xa5; 32]);
        let id = standfast_client::profile::hex(&fp.0);
        assert_eq!(fingerprint(&id).ok(), Some(fp));
        assert_eq!(fingerprint(&format!("{}\n", fp.qr_text())).ok(), Some(fp));
        for bad in ["", &id[1..], &format!("+{}", &id[1..]), "standfast-key:1.AAAA"] {
            assert!(fingerprint(bad).is_err(), "{bad}");
        }
    }
}
