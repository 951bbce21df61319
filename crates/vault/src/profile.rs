//! Which profile, and where on disk it lives.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::VaultError;
use crate::disk::{self, DiskError};

/// Longest profile name, in characters. Long enough for "laptop-of-the-demo-room", short enough
/// for every file system and for Windows' credential names.
pub const PROFILE_NAME_MAX: usize = 32;

/// The environment variable that moves all profiles to another directory (tests, portable use).
pub const DATA_DIR_VARIABLE: &str = "STANDFAST_DATA_DIR";

/// A profile's name: ASCII letters, digits, `-` and `_`, 1 to [`PROFILE_NAME_MAX`] of them.
///
/// Folded to lower case: file systems and keychains of two of our three systems do not tell `Leo`
/// from `leo`, and two profiles must never share an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProfileName(String);

/// The name holds something else than letters, digits, `-` and `_`, or is empty or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a profile name is 1 to 32 letters, digits, - or _")]
pub struct BadProfileName;

impl ProfileName {
    /// Checks and folds `name`.
    ///
    /// ```
    /// use standfast_vault::ProfileName;
    /// assert_eq!(ProfileName::new("Leo-2")?.as_str(), "leo-2");
    /// assert!(ProfileName::new("../leo").is_err());
    /// # Ok::<(), standfast_vault::BadProfileName>(())
    /// ```
    pub fn new(name: &str) -> Result<Self, BadProfileName> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.is_empty() || name.len() > PROFILE_NAME_MAX || !name.bytes().all(plain) {
            return Err(BadProfileName);
        }
        Ok(Self(name.to_ascii_lowercase()))
    }

    /// The folded name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ProfileName {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A profile's directory, held by this process alone until dropped.
#[derive(Debug)]
pub(crate) struct ProfileDir {
    path: PathBuf,
    // The operating system releases the lock when the file closes, also after a crash.
    _lock: File,
}

impl ProfileDir {
    /// Creates (0700) and locks `<root>/profile-<name>`.
    pub(crate) fn hold(root: &Path, name: &ProfileName) -> Result<Self, VaultError> {
        // The prefix keeps names such as `con` or `nul` away from Windows' device names.
        let path = root.join(format!("profile-{name}"));
        disk::create_private_dir(&path)?;
        let lock_path = path.join("lock");
        let lock = disk::open_private(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(VaultError::InUse { profile: name.to_string() }),
            Err(TryLockError::Error(err)) => Err(DiskError::new(&lock_path, &err).into()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Moves `names` into a fresh subdirectory, so that a replaced identity can still be restored.
    pub(crate) fn set_aside(&self, names: &[&str], now_ms: u64) -> Result<PathBuf, DiskError> {
        let aside = self.path.join(format!("replaced-{now_ms}"));
        disk::create_private_dir(&aside)?;
        for name in names {
            let from = self.file(name);
            if from.exists() {
                fs::rename(&from, aside.join(name)).map_err(|err| DiskError::new(&from, &err))?;
            }
        }
        disk::sync_dir(&self.path)?;
        Ok(aside)
    }
}

/// `STANDFAST_DATA_DIR`, else the system's place for application data.
pub(crate) fn default_root() -> Result<PathBuf, VaultError> {
    if let Some(root) = std::env::var_os(DATA_DIR_VARIABLE).filter(|v| !v.is_empty()) {
        return Ok(PathBuf::from(root));
    }
    let dirs = directories::ProjectDirs::from("org", "standfast", "standfast");
    // Local, not roaming: the profile belongs to the keychain of this computer.
    dirs.map(|d| d.data_local_dir().to_owned()).ok_or(VaultError::NoDataDir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_directory_are_refused() {
        let long = "a".repeat(PROFILE_NAME_MAX + 1);
        for bad in ["", ".", "..", "a/b", "a\\b", "../x", "a b", "a\0", "é", "a.b", &long] {
            assert_eq!(ProfileName::new(bad), Err(BadProfileName), "{bad:?}");
        }
        assert!(ProfileName::new(&"a".repeat(PROFILE_NAME_MAX)).is_ok());
    }

    #[test]
    fn two_spellings_are_one_profile() {
        assert_eq!(ProfileName::new("LEO").unwrap(), ProfileName::new("leo").unwrap());
    }

    #[test]
    fn a_profile_is_held_once() {
        let root = tempfile::tempdir().unwrap();
        let name = ProfileName::default();
        let first = ProfileDir::hold(root.path(), &name).unwrap();
        assert!(matches!(
            ProfileDir::hold(root.path(), &name),
            Err(VaultError::InUse { profile }) if profile == "default"
        ));
        drop(first);
        ProfileDir::hold(root.path(), &name).unwrap();
    }
}
