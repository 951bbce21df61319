//! Files that only their owner reads, and that are either old or new after a crash, never torn.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Reading or writing the profile's directory failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct DiskError {
    /// The file or directory.
    pub path: String,
    /// What the system said.
    pub reason: String,
}

impl DiskError {
    pub(crate) fn new(path: &Path, err: &io::Error) -> Self {
        Self { path: path.display().to_string(), reason: err.to_string() }
    }
}

/// Creates `path` and its parents; `path` itself gets mode 0700.
pub(crate) fn create_private_dir(path: &Path) -> Result<(), DiskError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|err| DiskError::new(path, &err))?;
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .map_err(|err| DiskError::new(path, &err))?;
    Ok(())
}

/// Opens or creates `path` for reading and writing, mode 0600.
pub(crate) fn open_private(path: &Path) -> Result<File, DiskError> {
    options().create(true).truncate(false).open(path).map_err(|err| DiskError::new(path, &err))
}

/// Replaces `path` by `bytes`: a temporary file (0600), fsync, rename, fsync of the directory.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let fail = |err: io::Error| DiskError::new(path, &err);
    let temporary = path.with_extension("new");
    // A leftover of a crash may have been opened by something else: start from a fresh inode.
    match fs::remove_file(&temporary) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(fail(err)),
        _ => {}
    }
    let mut file = options().create_new(true).open(&temporary).map_err(fail)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(fail)?;
    drop(file);
    fs::rename(&temporary, path).map_err(fail)?;
    match path.parent() {
        Some(dir) => sync_dir(dir),
        None => Ok(()),
    }
}

/// The content of `path`, `None` if there is no such file. Refuses files above `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, DiskError> {
    let fail = |err: io::Error| DiskError::new(path, &err);
    match fs::metadata(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(fail(err)),
        Ok(meta) if meta.len() > limit => return Err(fail(io::ErrorKind::FileTooLarge.into())),
        Ok(_) => {}
    }
    fs::read(path).map(Some).map_err(fail)
}

/// Makes renames in `dir` survive a power cut. Windows has no such call; NTFS journals renames.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), DiskError> {
    #[cfg(unix)]
    File::open(dir).and_then(|d| d.sync_all()).map_err(|err| DiskError::new(dir, &err))?;
    let _ = dir;
    Ok(())
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_leaves_one_whole_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("marker.json");
        assert_eq!(read(&path, 10).unwrap(), None);
        fs::write(path.with_extension("new"), "left by a crash").unwrap();
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(read(&path, 10).unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(read(&path, 2).is_err(), "a file above the limit is refused");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
