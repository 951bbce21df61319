//! Texts that people paste, scan and type, and what the window sends.

use standfast_client::pairing::DeviceInvite;
use standfast_client::transport::RelayAddr;
use standfast_crypto::{Fingerprint, Link, PairingCode, normalize_passphrase};
use standfast_ipc::Command;

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A key's QR code: what is read is written the same.
pub(crate) fn qr(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(fp) = Fingerprint::from_qr_text(text) {
        assert!(Fingerprint::from_qr_text(&fp.qr_text()) == Ok(fp), "a key read back as another");
    }
}

/// A meeting link, and the address of the relay in it.
pub(crate) fn link(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(link) = Link::parse(text) {
        let written = link.to_text();
        let again = Link::parse(&written).expect("what was written is a link");
        assert!(*again.to_text() == *written, "a link read back as another");
        assert!(again.meeting_id == link.meeting_id && again.organizer == link.organizer);
        assert!(written.len() <= 512, "a link grew");
        let _ = RelayAddr::parse(&link.relay, link.relay_cert);
    }
    if let Ok(address) = RelayAddr::parse(text, None) {
        let again = RelayAddr::parse(address.name(), None).expect("a relay's name is one");
        assert!(again.name() == address.name() && again.uses_tls() == address.uses_tls());
    }
}

/// The text that pairs two devices, and the code alone, as typed.
pub(crate) fn device_text(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(code) = PairingCode::parse(text) {
        let again = PairingCode::parse(&code.text()).expect("what was written is a code");
        assert!(*again.text() == *code.text(), "a code read back as another");
    }
    if let Ok(invite) = DeviceInvite::parse(text) {
        assert!(DeviceInvite::looks_like(text));
        let code = invite.code.as_ref().map(PairingCode::text);
        let code = code.as_ref().map_or("", |code| code.as_str());
        let written = DeviceInvite::write(invite.old, code, &invite.link.to_text());
        let again = DeviceInvite::parse(&written).expect("what was written is such a text");
        assert!(again.old == invite.old && *again.link.to_text() == *invite.link.to_text());
        assert!(again.code.is_some() == invite.code.is_some());
    }
}

/// A passphrase's normal form is its own normal form.
pub(crate) fn passphrase(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let normal = normalize_passphrase(text);
    assert!(*normalize_passphrase(&normal) == *normal, "a normal form changed");
}

/// A command of the window.
pub(crate) fn command(bytes: &[u8]) {
    // Not every command can be written back: passphrases are never serialized.
    drop(serde_json::from_slice::<Command>(bytes));
}
