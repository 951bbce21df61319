//! The secrets of one process, in every form, and where they are found.

use super::forms;
use super::memory::{self, Region};
use anyhow::Context as _;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// The shortest run of bytes that counts as found.
pub(crate) const WINDOW: usize = 16;
/// A run with fewer different bytes is found by chance: zeros, silence, counters.
const DIFFERENT: usize = 7;
/// Sound below this (−40 dBFS) is not looked for: near silence looks like many other things.
const QUIET: f32 = 0.01;
/// Bytes of a label, as the revealing program writes it.
const LABEL: usize = 64;

/// Derivations whose outcome is public, or born again as a secret by who keeps it.
const PUBLIC: [(&str, &str); 3] = [
    ("SF1/commit", "key commitments are announced"),
    ("SF1/code", "people read it to each other"),
    ("SF1/hedged", "draws become nonces; those that become secrets are born again as such"),
];

/// What a label stands for. Derivations have their own, anything else the name of its source file.
const KINDS: [(&str, &str); 30] = [
    ("SF1/identity/sign", "identity"),
    ("SF1/identity/agree", "identity"),
    ("SF1/hedge", "identity"),
    ("SF1/relay", "relay login"),
    ("vault/src/vault.rs", "identity"),
    ("vault/src/file_vault.rs", "profile"),
    ("SF1/store", "profile"),
    ("SF1/store-tag", "profile"),
    ("SF1/psk", "link"),
    ("SF1/dir", "link"),
    ("SF1/control", "link"),
    ("SF1/joinmac", "link"),
    ("crypto/src/link.rs", "link"),
    ("vault/src/store/meetings.rs", "link"),
    ("crypto/src/passphrase.rs", "passphrase"),
    ("vault/src/store/passphrases.rs", "passphrase"),
    ("SF1/es", "epoch secrets"),
    ("SF1/media", "sender base keys"),
    ("SF1/sender", "sender base keys"),
    ("frame/src/ratchet.rs", "sender base keys"),
    ("SF1/ack", "ack key"),
    ("sframe key", "frame keys"),
    ("SF1/kek", "wrap chains"),
    ("SF1/chain", "wrap chains"),
    ("SF1/wrap", "wrap keys"),
    ("crypto/src/bundle.rs", "contact bundles"),
    ("client/src/profile.rs", "contact bundles"),
    ("crypto/src/wrap.rs", "generator key"),
    ("meeting/src/generator/mod.rs", "right to end"),
    ("meeting/src/seat.rs", "checkpoint key"),
];

/// A byte run to look for.
struct Needle {
    kind: String,
    form: &'static str,
    bytes: Vec<u8>,
}

/// Everything to look for in one process, or several.
#[derive(Default)]
pub(crate) struct Needles {
    needles: Vec<Needle>,
    known: HashSet<Vec<u8>>,
}

/// The same, in an order in which memory can be looked up.
pub(crate) struct Sorted {
    needles: Vec<Needle>,
    /// The needles in pieces of eight bytes, with where they stand, in order.
    words: Vec<(u64, u32, u32)>,
    /// A bit for each hash of a word, to pass over most of the memory quickly.
    sieve: Vec<u64>,
}

/// What was found.
#[derive(Debug, Default, Serialize, Clone)]
pub(crate) struct Found {
    /// Byte runs that were looked for.
    needles: usize,
    /// Bytes that were searched.
    pub(crate) searched_bytes: u64,
    /// What was found, by kind of secret.
    pub(crate) by_kind: BTreeMap<String, Place>,
}

/// Where one kind of secret was found.
#[derive(Debug, Default, Serialize, Clone)]
pub(crate) struct Place {
    /// In how many places.
    times: usize,
    /// In which form and region the longest run was.
    longest: String,
    longest_bytes: usize,
}

impl Found {
    /// In how many places anything was found.
    pub(crate) fn places(&self) -> usize {
        self.by_kind.values().map(|place| place.times).sum()
    }

    /// # Errors
    /// When anything was found; the text says what and where.
    pub(crate) fn nothing(&self) -> anyhow::Result<()> {
        let of = |(kind, place): (&String, &Place)| {
            format!("{kind}, {} places, {}", place.times, place.longest)
        };
        let all: Vec<_> = self.by_kind.iter().map(of).collect();
        anyhow::ensure!(all.is_empty(), "found: {}", all.join("; "));
        Ok(())
    }
}

impl Needles {
    /// Reads what a process revealed so far.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let file = std::fs::read(path).context("what was revealed")?;
        let mut needles = Self::default();
        let mut rest = file.as_slice();
        // The last record may be half written.
        while let Some((head, after)) = rest.split_at_checked(LABEL + 4) {
            let len = u32::from_le_bytes(std::array::from_fn(|n| head[LABEL + n])) as usize;
            let Some((bytes, after)) = after.split_at_checked(len) else { break };
            let label = str::from_utf8(&head[..LABEL])?.trim_end_matches('\0');
            needles.secret(label, bytes);
            rest = after;
        }
        anyhow::ensure!(!needles.needles.is_empty(), "nothing was revealed");
        Ok(needles)
    }

    /// Takes the needles of another process over.
    pub(crate) fn extend(&mut self, others: Self) {
        for needle in others.needles {
            self.add(&needle.kind, needle.form, needle.bytes);
        }
    }

    /// Leaves out what another process was given again, as far as it is of these kinds.
    pub(crate) fn without(&mut self, kinds: &[&str], others: &Self) {
        let given =
            |n: &Needle| kinds.contains(&n.kind.as_str()) && others.known.contains(&n.bytes);
        self.needles.retain(|needle| !given(needle));
    }

    /// What people know, in words.
    pub(crate) fn passphrase(&mut self, words: &str) {
        self.add("passphrase", "as it is", words.as_bytes().to_vec());
    }

    /// What somebody speaks, as it stands in a file of 16-bit samples.
    pub(crate) fn speech(&mut self, samples: &[u8]) {
        self.add("sound out", "as in the file", samples.to_vec());
    }

    fn secret(&mut self, label: &str, bytes: &[u8]) {
        // The end of what a passphrase is stretched to stands in the header of the identity's file.
        let stretched = label.ends_with("vault/src/file_vault.rs");
        let bytes = if stretched { &bytes[..bytes.len().min(32)] } else { bytes };
        let public = PUBLIC.iter().any(|(public, _)| *public == label);
        if public || bytes.len() < WINDOW || stretched && bytes.len() < 32 {
            return;
        }
        let kind = KINDS.iter().find(|(end, _)| label.ends_with(end)).map_or(label, |(_, k)| k);
        match kind {
            "sound out" | "sound in" => self.sound(kind, bytes),
            "packets out" | "packets in" => self.add(kind, "as it is", bytes.to_vec()),
            _ => self.key(kind, bytes),
        }
    }

    fn sound(&mut self, kind: &str, bytes: &[u8]) {
        let samples =
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes(std::array::from_fn(|n| four[n])));
        if samples.clone().all(|sample| sample.abs() < QUIET) {
            return;
        }
        let short = |s: f32| ((s.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16).to_le_bytes();
        self.add(kind, "as samples of 16 bit", samples.flat_map(short).collect());
        self.add(kind, "as it is", bytes.to_vec());
    }

    fn key(&mut self, kind: &str, bytes: &[u8]) {
        self.add(kind, "as it is", bytes.to_vec());
        if matches!(bytes.len(), 32 | 64) {
            for state in forms::hmac_states(bytes) {
                self.add(kind, "as an HMAC state", state.to_vec());
            }
        }
        if let Ok(key) = <&[u8; 32]>::try_from(bytes) {
            self.add(kind, "as AES round keys", forms::aes_schedule(key));
            for h in forms::ghash_keys(key) {
                self.add(kind, "as a GHASH key", h.to_vec());
            }
            self.add(kind, "as an Ed25519 key", forms::ed25519_expanded(key));
        }
        if let (Ok(seed), "contact bundles") = (<&[u8; 64]>::try_from(bytes), kind) {
            self.add(kind, "as an ML-KEM vector", forms::kem_vector(seed));
        }
    }

    fn add(&mut self, kind: &str, form: &'static str, bytes: Vec<u8>) {
        if self.known.insert(bytes.clone()) {
            self.needles.push(Needle { kind: kind.to_owned(), form, bytes });
        }
    }

    /// Ready to search with.
    pub(crate) fn sorted(self) -> Sorted {
        let mut sorted = Sorted {
            needles: self.needles,
            words: Vec::new(),
            sieve: vec![0; 1 << (SIEVE_BITS - 6)],
        };
        for (n, needle) in sorted.needles.iter().enumerate() {
            for at in (0..needle.bytes.len().saturating_sub(7)).step_by(8) {
                let word = word_at(&needle.bytes, at);
                if is_common(word) {
                    continue;
                }
                let (slot, bit) = sieve_bit(word);
                sorted.sieve[slot] |= bit;
                sorted.words.push((word, n as u32, at as u32));
            }
        }
        sorted.words.sort_unstable();
        sorted
    }
}

/// 16 MiB of bits for some million words.
const SIEVE_BITS: u32 = 27;

impl Sorted {
    /// Searches all memory of a process.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn search(&self, process: u32) -> anyhow::Result<Found> {
        let mut found = self.nothing_found();
        found.searched_bytes =
            memory::read(process, |region, at, piece| self.look(region, at, piece, &mut found))?;
        Ok(found)
    }

    /// What a search begins with.
    pub(crate) fn nothing_found(&self) -> Found {
        Found { needles: self.needles.len(), ..Found::default() }
    }

    /// Looks through one piece of memory. A run of sixteen bytes, wherever in memory, covers one of
    /// the needle's pieces of eight, which is grown in both directions.
    pub(crate) fn look(&self, region: &Region, address: u64, piece: &[u8], found: &mut Found) {
        let mut beyond = 0;
        for at in 0..piece.len().saturating_sub(7) {
            let word = word_at(piece, at);
            let (slot, bit) = sieve_bit(word);
            if at < beyond || self.sieve[slot] & bit == 0 {
                continue;
            }
            if let Some((start, len, needle)) = self.longest_at(word, piece, at) {
                beyond = start + len;
                let place = found.by_kind.entry(needle.kind.clone()).or_default();
                place.times += 1;
                if len > place.longest_bytes {
                    place.longest_bytes = len;
                    let at = address + start as u64 - region.start;
                    place.longest = format!("{len} bytes {}, at {at:#x} of {region}", needle.form);
                }
            }
        }
    }

    /// The longest run around a word; of equal ones the first, a key before what is made from it.
    fn longest_at(&self, word: u64, piece: &[u8], at: usize) -> Option<(usize, usize, &Needle)> {
        let first = self.words.partition_point(|(other, _, _)| *other < word);
        let same = self.words[first..].iter().take_while(|(other, _, _)| *other == word);
        let runs = same.filter_map(|(_, n, offset)| {
            let needle = &self.needles[*n as usize];
            let (start, len) = grow(piece, at, &needle.bytes, *offset as usize)?;
            Some((start, len, needle))
        });
        runs.reduce(|a, b| if b.1 > a.1 { b } else { a })
    }
}

fn word_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|n| bytes[at + n]))
}

/// Whether a word is as good as everywhere: silence, zeros, small numbers. A run is found by its
/// other words; of random ones, one in a thousand million looks like this.
fn is_common(word: u64) -> bool {
    different(&word.to_le_bytes()) < 4
}

fn different(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count()
}

fn sieve_bit(word: u64) -> (usize, u64) {
    // Fibonacci hashing: the high bits of a product depend on all bits of the factor.
    let hash = word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SIEVE_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// The common run around two equal words, where it begins in `piece` and its length, if it counts.
fn grow(piece: &[u8], at: usize, needle: &[u8], offset: usize) -> Option<(usize, usize)> {
    let before = (0..at.min(offset)).take_while(|n| piece[at - 1 - n] == needle[offset - 1 - n]);
    let before = before.count();
    let after = piece[at..].iter().zip(&needle[offset..]).take_while(|(a, b)| a == b).count();
    let run = &piece[at - before..at + after];
    (run.len() >= WINDOW && different(run) >= DIFFERENT).then_some((at - before, run.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(label: &str, piece: &[u8]) -> Found {
        let mut needles = Needles::default();
        needles.secret(label, &key());
        let sorted = needles.sorted();
        let mut found = sorted.nothing_found();
        sorted.look(&Region::file(Path::new("here"), piece.len()), 0, piece, &mut found);
        found
    }

    fn key() -> [u8; 32] {
        std::array::from_fn(|n| (n * 7 + 3) as u8)
    }

    #[test]
    fn sixteen_bytes_are_found_wherever_they_lie_and_fifteen_are_not() {
        for (at, from) in (0..16).flat_map(|at| (0..=16).map(move |from| (at, from))) {
            let mut piece = vec![0xee; 96];
            piece[at..at + 16].copy_from_slice(&key()[from..from + 16]);
            let found = look("SF1/sender", &piece);
            assert_eq!(found.by_kind["sender base keys"].times, 1, "{at} {from}");
        }
        let mut piece = vec![0xee; 96];
        piece[5..20].copy_from_slice(&key()[..15]);
        assert!(look("SF1/sender", &piece).nothing().is_ok());
    }

    #[test]
    fn a_key_is_found_in_its_other_forms() {
        let forms = [
            forms::aes_schedule(&key())[64..96].to_vec(),
            forms::ghash_keys(&key())[2].to_vec(),
            forms::hmac_states(&key())[1].to_vec(),
            forms::ed25519_expanded(&key()),
        ];
        for form in forms {
            assert!(look("sframe key", &form).nothing().is_err());
        }
    }

    #[test]
    fn a_passphrase_is_found_in_its_words() {
        let words = "grey herons over the harbour";
        let mut needles = Needles::default();
        needles.passphrase(words);
        let sorted = needles.sorted();
        let piece = [b"...", words.as_bytes(), b"..."].concat();
        let mut found = sorted.nothing_found();
        sorted.look(&Region::file(Path::new("here"), piece.len()), 0, &piece, &mut found);
        assert_eq!(found.by_kind["passphrase"].times, 1);
    }

    #[test]
    fn what_is_public_is_not_looked_for() {
        assert!(look("SF1/commit", &key()).nothing().is_ok());
    }
}
