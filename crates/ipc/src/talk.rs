//! The key that one talks with: Space in the window, and another one that works from anywhere.

use serde::{Deserialize, Serialize};

/// What the key does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum TalkKey {
    /// While it is held, a muted microphone is open.
    #[default]
    HoldToTalk,
    /// While it is held, an open microphone is muted.
    HoldToMute,
    /// Each press mutes or unmutes.
    Toggle,
}

/// A key that works while another program has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum GlobalKey {
    /// Ctrl, Alt and Space.
    CtrlAltSpace,
    /// Ctrl, Shift and Space.
    CtrlShiftSpace,
    /// F8.
    F8,
    /// F9.
    F9,
    /// Pause.
    Pause,
}

/// Whether the global key works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum GlobalKeyState {
    /// None is wanted.
    #[default]
    Off,
    /// The system is being asked.
    Asking,
    /// It works.
    Works {
        /// What the system calls it, where the system chooses (Wayland).
        shown: Option<String>,
    },
    /// The system does not allow one, or another program has it.
    Unavailable,
}
