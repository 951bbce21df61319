//! What people do in the app, step by step, as clicks and keys.

use crate::app::App;
use anyhow::Context as _;
use std::time::{Duration, Instant};

/// How long until everyone has confirmed a new key, on a busy machine.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);

/// Both sides of a comparison, as one screen shows them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Compared {
    /// The digits of whoever sits here.
    pub(crate) own: String,
    /// The digits of the other.
    pub(crate) theirs: String,
}

/// What the security line shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seal {
    /// The epoch in use.
    pub(crate) epoch: u32,
    /// How many have confirmed it.
    pub(crate) confirmed: usize,
    /// Of how many.
    pub(crate) members: usize,
}

/// Goes through the first run, up to home.
pub(crate) async fn first_run(app: &App, name: &str) -> anyhow::Result<()> {
    app.write("first-run-name", name).await?;
    app.click("first-run-continue").await?;
    app.see("home").await?;
    Ok(())
}

/// Makes a standup, joins it, and gives its link.
pub(crate) async fn open_standup(app: &App, title: &str, relay: &str) -> anyhow::Result<String> {
    app.click("new-standup").await?;
    app.write("standup-title", title).await?;
    app.click("relay-other").await?;
    app.write("relay-address", relay).await?;
    app.click("create").await?;
    let link = app.attribute("link-text", "title").await?.context("the link of the standup")?;
    app.click("join-now").await?;
    seated(app, 1).await?;
    Ok(link)
}

/// Follows a link up to the door.
pub(crate) async fn knock(app: &App, link: &str) -> anyhow::Result<()> {
    app.write("link-field", link).await?;
    app.click("join-link").await?;
    app.click("[data-testid=prejoin] [data-testid=join]").await
}

/// Lets in whoever asks, until `members` are inside and have confirmed.
pub(crate) async fn let_in(app: &App, members: usize) -> anyhow::Result<Seal> {
    let begun = Instant::now();
    loop {
        if app.sees("open-lobby").await {
            app.click("open-lobby").await?;
            app.click("lobby-admit").await?;
            app.click("back").await?;
        }
        if let Some(seal) = seal(app).await?
            && seal.members == members
            && seal.confirmed == members
        {
            return Ok(seal);
        }
        anyhow::ensure!(begun.elapsed() < SETTLE_LIMIT, "{members} people never got together");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until this window shows `members` people who have all confirmed.
pub(crate) async fn seated(app: &App, members: usize) -> anyhow::Result<Seal> {
    let begun = Instant::now();
    loop {
        let now = seal(app).await?;
        if let Some(seal) = now
            && seal.members == members
            && seal.confirmed == members
        {
            return Ok(seal);
        }
        anyhow::ensure!(
            begun.elapsed() < SETTLE_LIMIT,
            "{}: {members} people expected, the line shows {now:?}",
            app.name()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the security line shows now, if there is one with a key.
pub(crate) async fn seal(app: &App) -> anyhow::Result<Option<Seal>> {
    let values = app
        .ask(
            "const line = document.querySelector('[data-testid=open-security]');
             return line ? [line.dataset.epoch, line.dataset.confirmed, line.dataset.members] : [];",
        )
        .await?;
    let number = |at: usize| values.get(at)?.as_str()?.parse::<usize>().ok();
    Ok((|| {
        Some(Seal {
            epoch: u32::try_from(number(0)?).ok()?,
            confirmed: number(1)?,
            members: number(2)?,
        })
    })())
}

/// Opens the security drawer and reads the meeting code.
pub(crate) async fn meeting_code(app: &App) -> anyhow::Result<String> {
    if !app.sees("security").await {
        app.click("open-security").await?;
    }
    app.attribute("meeting-code", "data-digits").await?.context("the meeting code")
}

/// Starts a run of the spoken code.
pub(crate) async fn ask_for_words(app: &App) -> anyhow::Result<()> {
    meeting_code(app).await?;
    app.click("compare-code").await?;
    app.click("spoken-start").await?;
    app.see("spoken-words").await?;
    app.click("[data-testid=code-dialog] [data-safe]").await
}

/// The three words, as the drawer shows them.
pub(crate) async fn spoken_words(app: &App) -> anyhow::Result<String> {
    meeting_code(app).await?;
    let words = app.see("spoken-code").await?.text().await?;
    Ok(words.trim().to_owned())
}

/// Removes somebody: their tile, the button, and the answer to the question.
pub(crate) async fn remove(app: &App, who: &str) -> anyhow::Result<()> {
    app.click(&format!("[data-testid=tile]:has([data-name=\"{who}\"])")).await?;
    app.click("remove").await?;
    app.click("remove-confirm").await
}

/// Lets whoever was removed ask again.
pub(crate) async fn let_ask_again(app: &App) -> anyhow::Result<()> {
    meeting_code(app).await?;
    app.click("door-lobby").await?;
    app.click("readmit").await?;
    app.click("back").await
}

/// Says yes to a bot that names this user as its owner, and lets it in.
pub(crate) async fn let_bot_in(app: &App) -> anyhow::Result<()> {
    app.click("own-bot").await?;
    app.click("open-lobby").await?;
    app.click("lobby-admit").await?;
    app.click("back").await
}

/// The own fingerprint, as the QR code in the settings holds it.
pub(crate) async fn own_key(app: &App) -> anyhow::Result<String> {
    app.click("settings").await?;
    app.click("settings-you").await?;
    let key = app.attribute("qr", "data-text").await?.context("the own fingerprint")?;
    app.click("back").await?;
    Ok(key)
}

/// Shows a pairing code for another device, and reads it.
pub(crate) async fn pair(app: &App) -> anyhow::Result<String> {
    app.click("settings").await?;
    app.click("settings-you").await?;
    app.click("other-device").await?;
    app.attribute("pairing-code", "data-code").await?.context("the pairing code")
}

/// Makes somebody a deputy in their tile's dialog; `look` sees it before it is closed.
pub(crate) async fn name_deputy<F: Future<Output = anyhow::Result<()>>>(
    app: &App,
    who: &str,
    look: impl FnOnce() -> F,
) -> anyhow::Result<()> {
    app.click(&format!("[data-testid=tile]:has([data-name=\"{who}\"])")).await?;
    app.click("[data-testid=deputy][aria-checked=false]").await?;
    app.see("[data-testid=deputy][aria-checked=true]").await?;
    look().await?;
    app.click("[data-testid=person] [data-safe]").await
}

/// Opens the comparison with somebody from their tile, and reads both fingerprints.
pub(crate) async fn compare(app: &App, with: &str) -> anyhow::Result<Compared> {
    app.click(&format!("[data-testid=tile]:has([data-name=\"{with}\"])")).await?;
    app.click("[data-testid=person] [data-testid=compare]").await?;
    let theirs = app.attribute("their-digits", "data-digits").await?;
    app.click("by-digits").await?;
    let own = app.attribute("[data-testid=own-fingerprint] [data-digits]", "data-digits").await?;
    app.click("by-words").await?;
    Ok(Compared {
        own: own.context("the own fingerprint")?,
        theirs: theirs.context("the other fingerprint")?,
    })
}

/// Ticks the four rows as heard and marks the other as verified. Ends where it began.
pub(crate) async fn mark_verified(app: &App) -> anyhow::Result<()> {
    for row in 1..=4 {
        app.click(&format!("[data-testid=heard-row]:nth-child({row})")).await?;
    }
    app.click("mark-verified").await?;
    app.see("meeting-title").await?;
    Ok(())
}

/// Opens the microphone, if it is not.
pub(crate) async fn unmute(app: &App) -> anyhow::Result<()> {
    if app.attribute("mute", "data-microphone").await?.as_deref() != Some("open") {
        app.click("mute").await?;
        app.see("[data-testid=mute][data-microphone=open]").await?;
    }
    Ok(())
}

/// Closes the microphone, if it is not.
pub(crate) async fn mute(app: &App) -> anyhow::Result<()> {
    if app.attribute("mute", "data-microphone").await?.as_deref() == Some("open") {
        app.click("mute").await?;
        app.see("[data-testid=mute][data-microphone=muted]").await?;
    }
    Ok(())
}

/// Leaves, and waits until every key is erased.
pub(crate) async fn leave(app: &App) -> anyhow::Result<()> {
    app.click("leave").await?;
    if app.sees("leave-dialog").await {
        app.click("end-for-all").await?;
    }
    app.see("ended").await?;
    app.see("erased").await?;
    Ok(())
}
