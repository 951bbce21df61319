//! Refusals in the UI's codes.

use standfast_ipc::{ErrorCode, UiError};
use standfast_vault::StoreError;

pub(crate) type Outcome<T> = Result<T, UiError>;

pub(crate) fn refuse<T>(code: ErrorCode) -> Outcome<T> {
    Err(code.into())
}

/// The database's complaint. Its text names tables, not people.
pub(crate) fn store(err: StoreError) -> UiError {
    UiError::new(ErrorCode::StoreUnavailable, err.to_string())
}
