//! The talk key of the whole desktop: pressed and let go while no window of the app is asked.

use super::Test;
use crate::app::App;
use crate::journey::mute;

/// What X calls the key, and what the setting does.
const KEY: (&str, &str) = ("F9", "f9");

impl Test {
    pub(super) async fn talk_key(&self) -> anyhow::Result<()> {
        mute(&self.leo).await?;
        choose(&self.leo, KEY.1).await?;
        self.leo.see("[data-testid=global-key-state][data-state=works]").await?;
        self.leo.click("back").await?;
        self.leo.see("[data-testid=mute][data-microphone=muted]").await?;
        self.session.key("keydown", KEY.0).await?;
        self.leo.see("[data-testid=mute][data-microphone=open]").await?;
        self.session.key("keyup", KEY.0).await?;
        self.leo.see("[data-testid=mute][data-microphone=muted]").await?;
        choose(&self.leo, "").await?;
        self.leo.see("[data-testid=global-key-state][data-state=off]").await?;
        self.leo.click("back").await
    }
}

/// On the page of sound, as it opens.
async fn choose(app: &App, key: &str) -> anyhow::Result<()> {
    app.click("settings").await?;
    app.see("global-key").await?;
    // The driver of WebKitGTK cannot click what a list drops down.
    let script = format!(
        "const list = document.querySelector('[data-testid=global-key]');
        list.value = '{key}';
        list.dispatchEvent(new Event('change', {{ bubbles: true }}));"
    );
    app.ask(&script).await?;
    Ok(())
}
