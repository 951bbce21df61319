//! What this device knows about a key, and how names are compared.

use standfast_crypto::Fingerprint;

use crate::Known;

/// What this device knows about somebody's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Compared by this user.
    Verified,
    /// Known or new, never compared.
    NotVerified,
    /// Vouched for in this session by a device whose key this user knows; not compared itself.
    NewDevice,
    /// Not the key that is pinned under this name.
    KeyChanged,
}

/// Judges a key by itself first: a pinned key is itself under any name. An unknown key under a
/// pinned name is a changed key.
#[must_use]
pub fn trust_of(known: &[Known], fp: Fingerprint, name: &str) -> Trust {
    if let Some(own) = known.iter().find(|k| k.fp == fp) {
        return if own.verified { Trust::Verified } else { Trust::NotVerified };
    }
    let plain = plain_name(name);
    let taken = !plain.is_empty() && known.iter().any(|k| plain_name(&k.name) == plain);
    if taken { Trust::KeyChanged } else { Trust::NotVerified }
}

/// The key pinned under this name, when it is another.
#[must_use]
pub fn pinned_under(known: &[Known], fp: Fingerprint, name: &str) -> Option<Fingerprint> {
    let plain = plain_name(name);
    known.iter().find(|k| k.fp != fp && plain_name(&k.name) == plain).map(|k| k.fp)
}

/// A name as the eye reads it: the skeleton of UTS 39 §4 of the lower-cased name without spaces.
fn plain_name(name: &str) -> String {
    let lower: String =
        name.chars().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace()).collect();
    unicode_security::skeleton(&lower).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Known> {
        vec![Known { fp: Fingerprint([1; 32]), name: "Mina".into(), verified: true }]
    }

    #[test]
    fn the_pinned_key_is_itself_under_any_name() {
        assert_eq!(trust_of(&known(), Fingerprint([1; 32]), "Mina Two"), Trust::Verified);
    }

    #[test]
    fn another_key_under_a_pinned_name_is_changed_however_it_is_written() {
        // Cyrillic а, capitals, spaces.
        for name in ["Mina", "mina ", "MINA", "Min\u{430}", "M i n a"] {
            assert_eq!(trust_of(&known(), Fingerprint([2; 32]), name), Trust::KeyChanged, "{name}");
        }
        assert_eq!(trust_of(&known(), Fingerprint([2; 32]), "Jonas"), Trust::NotVerified);
    }
}
