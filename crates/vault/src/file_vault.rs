//! The fallback that a person chooses: a file under a passphrase.
//!
//! ```text
//! magic 8 | version 1 | m KiB 4 | t 4 | p 4 | salt 16 | passphrase check 16 | SHA-256 of these 32
//! nonce 12 | AES-256-GCM(key, aad = everything above, content) | tag 16
//! ```
//! Key and passphrase check are the first 32 and the last 16 bytes of one Argon2id output, so that
//! a wrong passphrase and a damaged file are told apart; both already are offline guessing targets
//! at the same price. Integers are little-endian.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::KeyInit;
use argon2::{Algorithm, Argon2, Params, Version};
use standfast_crypto::{Secret, hash, normalize_passphrase};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::Trouble;
use crate::disk;
use crate::seal::{open_with, seal_with};
use crate::trouble::Unclear;

/// The file's name in the profile's directory.
pub(crate) const FILE_NAME: &str = "identity.vault";

/// Fewest characters of a new passphrase. Below that the Argon2id price does not help.
pub const PASSPHRASE_MIN: usize = 8;

/// Room for the identity and about 2,000 prekey bundles.
const FILE_MAX: u64 = 1 << 20;

const MAGIC: &[u8; 8] = b"SFVAULT\n";
const VERSION: u8 = 1;
const HEADER: usize = 8 + 1 + 12 + 16 + 16 + 32;

/// protocol.md §2: 64 MiB, three passes, one lane.
const COST: Cost = Cost { m_kib: 64 * 1024, t: 3, p: 1 };

#[derive(Clone, Copy)]
struct Cost {
    m_kib: u32,
    t: u32,
    p: u32,
}

impl Cost {
    /// Bounds what a foreign file can make us compute: 1 GiB, 16 passes, 16 lanes.
    fn is_bearable(self) -> bool {
        self.m_kib <= 1024 * 1024 && self.t <= 16 && self.p <= 16
    }
}

/// An open vault file: the identity and the named secrets, written back whole on each change.
pub(crate) struct FileVault {
    path: PathBuf,
    header: [u8; HEADER],
    cipher: Box<Aes256Gcm>,
    content: Content,
}

#[derive(Default)]
struct Content {
    seed: Zeroizing<Vec<u8>>,
    secrets: BTreeMap<String, Zeroizing<Vec<u8>>>,
}

impl FileVault {
    /// Makes a new file. Refuses to replace one.
    pub(crate) fn create(
        path: &Path,
        passphrase: &Zeroizing<String>,
        seed: &Secret<32>,
    ) -> Result<Self, Trouble> {
        let passphrase = &normalize_passphrase(passphrase);
        if passphrase.chars().count() < PASSPHRASE_MIN {
            return Err(Trouble::PassphraseTooShort);
        }
        if path.exists() {
            return Err(Trouble::KeyExists);
        }
        let mut salt = [0u8; 16];
        getrandom::fill(&mut salt).map_err(|_| no_entropy())?;
        let (key, check) = derive(passphrase, &salt, COST)?;
        let vault = Self {
            path: path.to_owned(),
            header: header(COST, &salt, check.expose()),
            cipher: Box::new(Aes256Gcm::new(key.expose().into())),
            content: Content {
                seed: Zeroizing::new(seed.expose().to_vec()),
                secrets: BTreeMap::new(),
            },
        };
        vault.save()?;
        Ok(vault)
    }

    /// Opens `path`; `None` if there is no such file.
    pub(crate) fn open(
        path: &Path,
        passphrase: &Zeroizing<String>,
    ) -> Result<Option<Self>, Trouble> {
        let Some(bytes) = disk::read(path, FILE_MAX)? else { return Ok(None) };
        let damaged = || Trouble::from(Unclear::DamagedFile);
        let (header, sealed) = bytes.split_first_chunk::<HEADER>().ok_or_else(damaged)?;
        let (cost, salt, check) = parse_header(header)?;
        let key = right_key(passphrase, &salt, cost, &check)?;
        let cipher = Box::new(Aes256Gcm::new(key.expose().into()));
        let plain = open_with(&cipher, header, sealed).map_err(|_| damaged())?;
        let content = Content::parse(&plain).ok_or_else(damaged)?;
        Ok(Some(Self { path: path.to_owned(), header: *header, cipher, content }))
    }

    /// The identity seed.
    pub(crate) fn seed(&self) -> Result<Secret<32>, Trouble> {
        let bytes = <&[u8; 32]>::try_from(&self.content.seed[..])
            .map_err(|_| Trouble::from(Unclear::DamagedFile))?;
        Ok(Secret::from_fn(|out| out.copy_from_slice(bytes)))
    }

    pub(crate) fn secret(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.content.secrets.get(name).cloned()
    }

    pub(crate) fn put(&mut self, name: &str, secret: &[u8]) -> Result<(), Trouble> {
        let old = self.content.secrets.insert(name.to_owned(), Zeroizing::new(secret.to_vec()));
        self.save_or_undo(name, old)
    }

    /// Whether there was one.
    pub(crate) fn delete(&mut self, name: &str) -> Result<bool, Trouble> {
        let Some(old) = self.content.secrets.remove(name) else { return Ok(false) };
        self.save_or_undo(name, Some(old))?;
        Ok(true)
    }

    /// Keeps memory and file the same: what could not be written did not happen.
    fn save_or_undo(&mut self, name: &str, old: Option<Zeroizing<Vec<u8>>>) -> Result<(), Trouble> {
        let saved = self.save();
        if saved.is_err() {
            match old {
                Some(old) => self.content.secrets.insert(name.to_owned(), old),
                None => self.content.secrets.remove(name),
            };
        }
        saved
    }

    fn save(&self) -> Result<(), Trouble> {
        let sealed = seal_with(&self.cipher, &self.header, &self.content.encode())
            .map_err(|_| no_entropy())?;
        Ok(disk::replace(&self.path, &[&self.header[..], &sealed].concat())?)
    }
}

impl Content {
    /// `seed 32 | (name length 1 | name | secret length 2 | secret)*`.
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        // Reserved in full, for a growing vector leaves unwiped copies behind.
        let room = 32 + self.secrets.iter().map(|(n, s)| 3 + n.len() + s.len()).sum::<usize>();
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        out.extend_from_slice(&self.seed);
        for (name, secret) in &self.secrets {
            out.push(u8::try_from(name.len()).unwrap_or(0));
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&u16::try_from(secret.len()).unwrap_or(0).to_le_bytes());
            out.extend_from_slice(secret);
        }
        out
    }

    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let seed = Zeroizing::new(bytes.split_off(..32)?.to_vec());
        let mut secrets = BTreeMap::new();
        while !bytes.is_empty() {
            let name_len = usize::from(*bytes.split_off_first()?);
            let name = String::from_utf8(bytes.split_off(..name_len)?.to_vec()).ok()?;
            let len = u16::from_le_bytes(bytes.split_off(..2)?.try_into().ok()?);
            let secret = bytes.split_off(..usize::from(len))?.to_vec();
            secrets.insert(name, Zeroizing::new(secret));
        }
        Some(Self { seed, secrets })
    }
}

/// The key under the passphrase's normal form, or else under what was typed: files were made with
/// that before there was a normal form. Only for what the two differ in does it take twice as long.
fn right_key(
    typed: &str,
    salt: &[u8; 16],
    cost: Cost,
    check: &[u8; 16],
) -> Result<Secret<32>, Trouble> {
    let normal = normalize_passphrase(typed);
    let (key, expected) = derive(&normal, salt, cost)?;
    if expected.ct_eq(check) {
        return Ok(key);
    }
    if *normal == typed {
        return Err(Trouble::WrongPassphrase);
    }
    let (key, expected) = derive(typed, salt, cost)?;
    if expected.ct_eq(check) { Ok(key) } else { Err(Trouble::WrongPassphrase) }
}

fn derive(
    passphrase: &str,
    salt: &[u8; 16],
    cost: Cost,
) -> Result<(Secret<32>, Secret<16>), Trouble> {
    let params = Params::new(cost.m_kib, cost.t, cost.p, Some(48))
        .map_err(|_| Trouble::from(Unclear::DamagedFile))?;
    let mut failed = false;
    let both = Secret::<48>::from_fn(|out| {
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        failed = argon.hash_password_into(passphrase.as_bytes(), salt, out).is_err();
    });
    if failed {
        return Err(Unclear::DamagedFile.into());
    }
    Ok((
        Secret::from_fn(|out| out.copy_from_slice(&both.expose()[..32])),
        Secret::from_fn(|out| out.copy_from_slice(&both.expose()[32..])),
    ))
}

fn header(cost: Cost, salt: &[u8; 16], check: &[u8; 16]) -> [u8; HEADER] {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend_from_slice(MAGIC);
    bytes.push(VERSION);
    for word in [cost.m_kib, cost.t, cost.p] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.extend_from_slice(salt);
    bytes.extend_from_slice(check);
    let sum = hash("SF1/vault-file", &bytes);
    let mut header = [0; HEADER];
    header[..HEADER - 32].copy_from_slice(&bytes);
    header[HEADER - 32..].copy_from_slice(&sum);
    header
}

fn parse_header(header: &[u8; HEADER]) -> Result<(Cost, [u8; 16], [u8; 16]), Trouble> {
    let (fields, sum) = header.split_at(HEADER - 32);
    if !fields.starts_with(MAGIC) {
        return Err(Unclear::DamagedFile.into());
    }
    if fields[8] > VERSION {
        return Err(Unclear::NewerFile.into());
    }
    if fields[8] != VERSION || !bool::from(hash("SF1/vault-file", fields).ct_eq(sum)) {
        return Err(Unclear::DamagedFile.into());
    }
    let word = |at: usize| {
        u32::from_le_bytes([fields[at], fields[at + 1], fields[at + 2], fields[at + 3]])
    };
    let sixteen = |at: usize| {
        let mut out = [0; 16];
        out.copy_from_slice(&fields[at..at + 16]);
        out
    };
    let cost = Cost { m_kib: word(9), t: word(13), p: word(17) };
    if !cost.is_bearable() {
        return Err(Unclear::DamagedFile.into());
    }
    Ok((cost, sixteen(21), sixteen(37)))
}

/// For [`crate::parsing`].
pub(crate) fn header_is_taken(bytes: &[u8]) -> bool {
    bytes.first_chunk::<HEADER>().is_some_and(|header| parse_header(header).is_ok())
}

/// For [`crate::parsing`].
pub(crate) fn content_again(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    Content::parse(bytes).map(|content| content.encode())
}

fn no_entropy() -> Trouble {
    Trouble::Disk { detail: crate::seal::NoEntropy.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    fn seed() -> Secret<32> {
        Secret::from_fn(|out| out.fill(0x5a))
    }

    fn made() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        let mut vault = FileVault::create(&path, &passphrase("correct horse"), &seed()).unwrap();
        vault.put("bundle/1", &[7; 112]).unwrap();
        (dir, path)
    }

    fn open(path: &Path, text: &str) -> Result<Option<FileVault>, Trouble> {
        FileVault::open(path, &passphrase(text))
    }

    #[test]
    fn the_right_passphrase_gives_back_everything() {
        let (_dir, path) = made();
        let mut vault = open(&path, "correct horse").unwrap().unwrap();
        assert!(vault.seed().unwrap().ct_eq(seed().expose()));
        assert_eq!(&vault.secret("bundle/1").unwrap()[..], &[7; 112]);
        assert!(vault.delete("bundle/1").unwrap());
        assert!(!vault.delete("bundle/1").unwrap());
        let vault = open(&path, "correct horse").unwrap().unwrap();
        assert!(vault.secret("bundle/1").is_none());
    }

    #[test]
    fn a_wrong_passphrase_is_its_own_error() {
        let (_dir, path) = made();
        assert_eq!(open(&path, "wrong horse").err(), Some(Trouble::WrongPassphrase));
        assert_eq!(open(&path, "").err(), Some(Trouble::WrongPassphrase));
    }

    #[test]
    fn a_passphrase_opens_in_every_form_that_a_keyboard_makes_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        FileVault::create(&path, &passphrase("Cafe\u{301} am Meer"), &seed()).unwrap();
        for typed in ["Caf\u{e9} am Meer", "Cafe\u{301} am\u{a0}Meer", "Caf\u{e9} am Meer\n"] {
            assert!(open(&path, typed).unwrap().is_some(), "{typed:?}");
        }
        assert_eq!(open(&path, "Cafe am Meer").err(), Some(Trouble::WrongPassphrase));
    }

    #[test]
    fn a_file_from_before_there_was_a_normal_form_still_opens() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        // As it was typed, decomposed and with a space behind it, went into Argon2id then.
        let typed = "Cafe\u{301} am Meer ";
        let (salt, content) = ([1; 16], Content { seed: seed_bytes(), ..Content::default() });
        let (key, check) = derive(typed, &salt, COST).unwrap();
        let header = header(COST, &salt, check.expose());
        let cipher = Box::new(Aes256Gcm::new(key.expose().into()));
        FileVault { path: path.clone(), header, cipher, content }.save().unwrap();
        assert!(open(&path, typed).unwrap().is_some());
        assert_eq!(open(&path, "Caf\u{e9} am Meer").err(), Some(Trouble::WrongPassphrase));
    }

    fn seed_bytes() -> Zeroizing<Vec<u8>> {
        Zeroizing::new(seed().expose().to_vec())
    }

    #[test]
    fn a_short_passphrase_and_a_second_file_are_refused() {
        let (dir, path) = made();
        let again = FileVault::create(&path, &passphrase("correct horse"), &seed());
        assert_eq!(again.err(), Some(Trouble::KeyExists));
        let short = FileVault::create(&dir.path().join("x"), &passphrase("short"), &seed());
        assert_eq!(short.err(), Some(Trouble::PassphraseTooShort));
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_damage_never_a_wrong_passphrase() {
        let (_dir, path) = made();
        let whole = std::fs::read(&path).unwrap();
        // Every byte of the header, then a sample of the body: each body try costs an Argon2id.
        let body = [HEADER, HEADER + 12, HEADER + 40, whole.len() - 1];
        for at in (0..HEADER).chain(body) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x80;
            std::fs::write(&path, &flipped).unwrap();
            let err = open(&path, "correct horse").err().unwrap();
            let expected = if at == 8 { Unclear::NewerFile } else { Unclear::DamagedFile };
            assert_eq!(err, Trouble::from(expected), "byte {at}");
        }
        for len in [0, 1, HEADER - 1, HEADER, HEADER + 12, whole.len() - 1] {
            std::fs::write(&path, &whole[..len]).unwrap();
            let err = open(&path, "correct horse").err();
            assert_eq!(err, Some(Unclear::DamagedFile.into()), "cut at {len}");
        }
    }

    #[test]
    fn a_file_that_asks_for_too_much_work_is_refused_before_the_work() {
        let (_dir, path) = made();
        let costly = Cost { m_kib: u32::MAX, t: 3, p: 1 };
        let bytes = [&header(costly, &[0; 16], &[0; 16])[..], &[0; 64]].concat();
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(open(&path, "correct horse").err(), Some(Unclear::DamagedFile.into()));
    }

    #[test]
    fn the_file_holds_no_secret_in_plain() {
        let (_dir, path) = made();
        let bytes = std::fs::read(&path).unwrap();
        for secret in [[0x5a; 8], [7; 8]] {
            assert!(!bytes.windows(8).any(|w| w == secret));
        }
    }
}
