//! Fingerprints in readable form. Each takes a tenth of a second and 64 MiB, so they are made once,
//! one after the other, on a thread of their own.

use std::collections::{BTreeMap, VecDeque};

use standfast_client::profile::hex;
use standfast_crypto::{Fingerprint, FingerprintDisplay};
use standfast_ipc::Fingerprint as View;

use crate::work::{Done, Worker};

#[derive(Default)]
pub(crate) struct Prints {
    known: BTreeMap<Fingerprint, FingerprintDisplay>,
    wanted: VecDeque<Fingerprint>,
    busy: bool,
}

impl Prints {
    /// The fingerprint for the UI. Words and digits are empty until they are made.
    pub(crate) fn view(&mut self, fp: Fingerprint) -> View {
        let shown = self.known.get(&fp);
        if shown.is_none() && !self.wanted.contains(&fp) {
            self.wanted.push_back(fp);
        }
        View {
            id: hex(&fp.0),
            words: shown
                .map(|s| s.words.iter().map(|w| (*w).to_owned()).collect())
                .unwrap_or_default(),
            digits: shown.map(|s| s.digits.clone()).unwrap_or_default(),
            qr: fp.qr_text(),
        }
    }

    pub(crate) fn made(&mut self, fp: Fingerprint, shown: Option<FingerprintDisplay>) {
        self.busy = false;
        self.wanted.retain(|w| *w != fp);
        self.known.extend(shown.map(|shown| (fp, shown)));
    }

    /// Starts on the next one.
    pub(crate) fn work(&mut self, worker: &Worker) {
        if let (false, Some(fp)) = (self.busy, self.wanted.front().copied()) {
            self.busy = true;
            worker.run("fingerprint", move || Done::Print(fp, fp.display().ok()));
        }
    }
}

/// Reads a handle that a view carried.
pub(crate) fn parse_id(id: &str) -> Option<Fingerprint> {
    Some(Fingerprint(parse_hex(id)?))
}

/// Exactly `N` bytes of lower-case hexadecimal.
pub(crate) fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_round_trip_and_nonsense_is_refused() {
        let fp = Fingerprint([0xa5; 32]);
        assert_eq!(parse_id(&hex(&fp.0)), Some(fp));
        for bad in ["", "a5", "zz", "é"] {
            assert_eq!(parse_id(bad), None);
        }
        assert_eq!(parse_hex::<1>("+1"), None);
    }
}
