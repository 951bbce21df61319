//! What the web view may call. Both run beside the window's own thread, which never waits.

use crate::clipboard::Clipboard;
use standfast_desk::Desk;
use standfast_ipc::{Command, Reply, UiError, UiUpdate};
use tauri::ipc::Channel;
use tauri::{AppHandle, State};

/// Gives the window its one stream of updates.
#[tauri::command(async)]
pub(crate) fn subscribe(desk: State<'_, Desk>, updates: Channel<UiUpdate>) {
    desk.subscribe(Box::new(move |update| updates.send(update).is_ok()));
}

/// Carries out one intent: two of them here, for they need the window system, the rest on the desk.
#[tauri::command(async)]
pub(crate) fn dispatch(
    app: AppHandle,
    desk: State<'_, Desk>,
    clipboard: State<'_, Clipboard>,
    command: Command,
) -> Result<Reply, UiError> {
    match command {
        Command::CopyText { text } => clipboard.write(text).map(|()| Reply::Done),
        Command::Quit => {
            app.exit(0);
            Ok(Reply::Done)
        }
        other => desk.dispatch(other),
    }
}
