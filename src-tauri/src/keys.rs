//! The talk key that works from anywhere. The desk says which one is wanted; here the window system
//! is asked for it, and the desk told what became of that.
//!
//! On Wayland only the desktop itself may watch keys, through its portal; elsewhere the program
//! asks for one key and sees no other.

use std::sync::{Arc, Mutex, PoisonError};

use standfast_desk::Desk;
use standfast_ipc::{GlobalKey, GlobalKeyState, UiUpdate};
use tauri::AppHandle;
use tauri_plugin_global_shortcut::{
    Code, GlobalShortcutExt as _, Modifiers, Shortcut, ShortcutState,
};

/// What is wanted now. Read by whoever asks the system, one at a time: the newest wish is the last
/// one asked for.
type Wish = Mutex<Option<GlobalKey>>;

/// Follows the setting as long as the desk lives.
pub(crate) fn follow(app: &AppHandle, desk: &Desk) {
    let (app, told) = (app.clone(), desk.clone());
    let (wish, asking) =
        (Arc::new(Wish::default()), Arc::new(tauri::async_runtime::Mutex::new(())));
    desk.subscribe(Box::new(move |update| {
        if let UiUpdate::Snapshot { view } = update
            && is_new(&wish, view.settings.global_key)
        {
            let (app, desk, wish) = (app.clone(), told.clone(), Arc::clone(&wish));
            let asking = Arc::clone(&asking);
            // The desk waits for nobody, and the system may ask the user.
            tauri::async_runtime::spawn(async move {
                let _one_at_a_time = asking.lock().await;
                let wanted = *wish.lock().unwrap_or_else(PoisonError::into_inner);
                apply(&app, &desk, wanted).await;
            });
        }
        true
    }));
}

fn is_new(wish: &Wish, wanted: Option<GlobalKey>) -> bool {
    let mut wish = wish.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *wish, wanted) != wanted
}

async fn apply(app: &AppHandle, desk: &Desk, wanted: Option<GlobalKey>) {
    // Whatever was asked for before is given back first, and nobody holds it any more.
    let _ = app.global_shortcut().unregister_all();
    #[cfg(target_os = "linux")]
    portal::stop();
    desk.talk_key(false);
    let Some(key) = wanted else { return desk.global_key_is(GlobalKeyState::Off) };
    desk.global_key_is(GlobalKeyState::Asking);
    #[cfg(target_os = "linux")]
    if portal::is_needed() {
        return portal::ask(desk, key);
    }
    desk.global_key_is(match register(app, desk, key) {
        Ok(()) => GlobalKeyState::Works { shown: None },
        Err(err) => {
            tracing::info!(%err, "no global key");
            GlobalKeyState::Unavailable
        }
    });
}

fn register(
    app: &AppHandle,
    desk: &Desk,
    key: GlobalKey,
) -> Result<(), tauri_plugin_global_shortcut::Error> {
    let desk = desk.clone();
    app.global_shortcut().on_shortcut(shortcut(key), move |_, _, event| {
        desk.talk_key(event.state == ShortcutState::Pressed);
    })
}

fn shortcut(key: GlobalKey) -> Shortcut {
    let (modifiers, code) = match key {
        GlobalKey::CtrlAltSpace => (Some(Modifiers::CONTROL | Modifiers::ALT), Code::Space),
        GlobalKey::CtrlShiftSpace => (Some(Modifiers::CONTROL | Modifiers::SHIFT), Code::Space),
        GlobalKey::F8 => (None, Code::F8),
        GlobalKey::F9 => (None, Code::F9),
        GlobalKey::Pause => (None, Code::Pause),
    };
    Shortcut::new(modifiers, code)
}

#[cfg(target_os = "linux")]
mod portal {
    //! `org.freedesktop.portal.GlobalShortcuts`: the desktop shows what is asked for, and the user
    //! decides, also on the key itself.

    use std::sync::{Mutex, PoisonError};

    use ashpd::desktop::CreateSessionOptions;
    use ashpd::desktop::global_shortcuts::{BindShortcutsOptions, GlobalShortcuts, NewShortcut};
    use futures_util::StreamExt as _;
    use standfast_desk::Desk;
    use standfast_ipc::{GlobalKey, GlobalKeyState};
    use tauri::async_runtime::JoinHandle;

    /// The one thing that is asked for.
    const TALK: &str = "talk";

    static LISTENING: Mutex<Option<JoinHandle<()>>> = Mutex::new(None);

    fn listening() -> std::sync::MutexGuard<'static, Option<JoinHandle<()>>> {
        LISTENING.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether keys are the desktop's here.
    pub(super) fn is_needed() -> bool {
        let x11 = std::env::var_os("GDK_BACKEND").is_some_and(|backend| backend == "x11");
        std::env::var_os("WAYLAND_DISPLAY").is_some() && !x11
    }

    pub(super) fn stop() {
        if let Some(before) = listening().take() {
            before.abort();
        }
    }

    pub(super) fn ask(desk: &Desk, key: GlobalKey) {
        let desk = desk.clone();
        let task = tauri::async_runtime::spawn(async move {
            if let Err(err) = listen(&desk, key).await {
                tracing::info!(%err, "no global key from the desktop");
                desk.talk_key(false);
                desk.global_key_is(GlobalKeyState::Unavailable);
            }
        });
        *listening() = Some(task);
    }

    /// Ends only with an error, or when the desktop ends the session.
    async fn listen(desk: &Desk, key: GlobalKey) -> ashpd::Result<()> {
        let portal = GlobalShortcuts::new().await?;
        let session = portal.create_session(CreateSessionOptions::default()).await?;
        let wanted = NewShortcut::new(TALK, "Talk").preferred_trigger(trigger(key));
        let options = BindShortcutsOptions::default();
        let bound = portal.bind_shortcuts(&session, &[wanted], None, options).await?.response()?;
        let Some(ours) = bound.shortcuts().first() else {
            desk.global_key_is(GlobalKeyState::Unavailable);
            return Ok(());
        };
        let shown = ours.trigger_description().to_owned();
        desk.global_key_is(GlobalKeyState::Works { shown: Some(shown) });
        let mut down = portal.receive_activated().await?;
        let mut up = portal.receive_deactivated().await?;
        loop {
            tokio::select! {
                event = down.next() => match event {
                    Some(_) => desk.talk_key(true),
                    None => break,
                },
                event = up.next() => match event {
                    Some(_) => desk.talk_key(false),
                    None => break,
                },
            }
        }
        desk.talk_key(false);
        desk.global_key_is(GlobalKeyState::Unavailable);
        Ok(())
    }

    /// As the XDG shortcuts specification writes it.
    fn trigger(key: GlobalKey) -> Option<&'static str> {
        Some(match key {
            GlobalKey::CtrlAltSpace => "CTRL+ALT+space",
            GlobalKey::CtrlShiftSpace => "CTRL+SHIFT+space",
            GlobalKey::F8 => "F8",
            GlobalKey::F9 => "F9",
            GlobalKey::Pause => "Pause",
        })
    }
}
