//! The clipboard, for writing only.

use standfast_ipc::{ErrorCode, UiError};
use std::sync::{Mutex, PoisonError};

/// The system's clipboard. It is kept open: on X11 the text lives as long as its owner.
#[derive(Default)]
pub(crate) struct Clipboard(Mutex<Option<arboard::Clipboard>>);

impl Clipboard {
    /// Puts text where the user can paste it from.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when the system offers no clipboard.
    pub(crate) fn write(&self, text: String) -> Result<(), UiError> {
        let refused = |error: arboard::Error| UiError::new(ErrorCode::Internal, error.to_string());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            *kept = Some(arboard::Clipboard::new().map_err(refused)?);
        }
        match kept.as_mut() {
            Some(clipboard) => clipboard.set_text(text).map_err(refused),
            None => Err(ErrorCode::Internal.into()),
        }
    }
}
