//! The parsers of the vault's files alone, without a disk or a passphrase, for the fuzz targets.
//! Nothing comes out that was not in the bytes.

use zeroize::Zeroizing;

use crate::file_vault;
use crate::marker::Marker;

/// The marker beside the profile.
#[must_use]
pub fn marker(bytes: &[u8]) -> bool {
    Marker::parse(bytes).is_some()
}

/// The open part of a passphrase file.
#[must_use]
pub fn file_header(bytes: &[u8]) -> bool {
    file_vault::header_is_taken(bytes)
}

/// What is sealed in a passphrase file: if it is taken, as it would be written back.
#[must_use]
pub fn file_content(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    file_vault::content_again(bytes)
}
