//! The one window, and where it may go.

use crate::args::Args;
use tauri::webview::NewWindowResponse;
use tauri::{App, Manager as _, Url, WebviewUrl, WebviewWindowBuilder};

/// The label that the capability file names.
pub(crate) const LABEL: &str = "main";

/// The smallest size at which every screen still works (ui.md, section 8).
const SIZE_MIN: (f64, f64) = (360.0, 560.0);

/// Opens the window at the place asked for.
///
/// # Errors
/// When the system offers no display or no web view.
pub(crate) fn open(app: &App, args: &Args) -> anyhow::Result<()> {
    let data = app.path().app_local_data_dir()?;
    let mut builder = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title("Standfast")
        .inner_size(args.width, args.height)
        .min_inner_size(SIZE_MIN.0, SIZE_MIN.1)
        .data_directory(data.join("webview").join(args.profile.as_str()))
        .on_navigation(is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_download(|_, _| false)
        .disable_drag_drop_handler();
    if let (Some(x), Some(y)) = (args.x, args.y) {
        builder = builder.position(x, y);
    }
    builder.build()?;
    Ok(())
}

/// Whether an address is the app's own page. Everything else is refused, links included.
fn is_ours(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        // What the same page is called on Windows.
        "http" | "https" => cfg!(windows) && url.host_str() == Some("tauri.localhost"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_page_may_be_shown() {
        let ours = |text: &str| Url::parse(text).is_ok_and(|url| is_ours(&url));
        assert!(ours("tauri://localhost/"));
        assert!(ours("tauri://localhost/index.html#/meeting"));
        for foreign in [
            "https://example.org/",
            "http://localhost/",
            "tauri://example.org/",
            "file:///etc/passwd",
            "data:text/html,hello",
            "javascript:alert(1)",
            "about:blank",
        ] {
            assert!(!ours(foreign), "{foreign}");
        }
    }
}
