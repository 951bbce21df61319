//! What the shell pushes into the web view.

use serde::{Deserialize, Serialize};

use crate::{AppView, SoundFigures};

/// How loud one member is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct MemberLevel {
    /// The roster index.
    pub idx: u16,
    /// 0 to 1, for display.
    pub level: f32,
}

/// Levels, at most 20 times a second, beside the snapshots.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Levels {
    /// This computer's microphone, 0 to 1; `None` when nothing listens.
    pub microphone: Option<f32>,
    /// Who is audible now. Who is not listed is at 0.
    pub members: Vec<MemberLevel>,
}

/// One message on the window's channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum UiUpdate {
    /// A whole snapshot.
    Snapshot {
        /// What to show.
        view: Box<AppView>,
    },
    /// How sound travels, once a second in a meeting.
    Sound {
        /// What to plot.
        figures: SoundFigures,
    },
    /// Levels only.
    Levels {
        /// What to move.
        levels: Levels,
    },
}
