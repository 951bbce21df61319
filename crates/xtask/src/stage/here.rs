//! The demo before a person: two windows side by side on their own display, with their own
//! microphone, speaker and keychain.

use crate::app::{App, Person};
use crate::journey::{
    compare, first_run, knock, leave, let_in, meeting_code, open_standup, seal, seated,
};
use crate::relay::Relay;
use crate::session::Session;
use crate::summary::Summary;
use crate::{INES, LEO, figures};
use anyhow::ensure;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use tokio::sync::oneshot;

/// Whether this computer has what the demo needs: a display and a microphone.
pub(crate) fn possible() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    (set("DISPLAY") || set("WAYLAND_DISPLAY")) && has_microphone()
}

/// Whether the sound server knows a source that is not the echo of a speaker.
fn has_microphone() -> bool {
    let list = Command::new("pactl").args(["list", "short", "sources"]).output();
    list.is_ok_and(|answer| {
        String::from_utf8_lossy(&answer.stdout)
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1))
            .any(|name| !name.ends_with(".monitor"))
    })
}

/// Holds the demo until Enter is pressed, and writes what can be known without a laboratory.
///
/// # Errors
/// When it could not be held, or did not show what it must.
pub(crate) async fn run(out: &Path) -> anyhow::Result<()> {
    let session = Session::here(&out.join("logs"))?;
    let relay = Relay::start(&session)?;
    let ines = arrive(&session, Person { name: "demo-ines", ..INES }, &relay).await?;
    let leo = arrive(&session, Person { name: "demo-leo", ..LEO }, &relay).await?;
    let link = open_standup(&ines, "Harbour team", relay.authority()).await?;
    knock(&leo, &link).await?;
    let_in(&ines, 2).await?;
    seated(&leo, 2).await?;
    let codes = (meeting_code(&ines).await?, meeting_code(&leo).await?);
    let seals = (seal(&ines).await?, seal(&leo).await?);
    let prints = (compare(&ines, LEO.display).await?, compare(&leo, INES.display).await?);
    ines.click("back").await?;
    leo.click("back").await?;
    ines.picture(&out.join("ines.png")).await?;
    leo.picture(&out.join("leo.png")).await?;
    println!("Both windows are in one meeting, both muted. Unmute one of them and speak: you hear");
    println!("yourself through the relay. Press Enter here to end the demo.");
    enter().await;
    leave(&leo).await?;
    leave(&ines).await?;
    let organizer = figures::read(&session.report("demo-ines"), 1).await?.remove(0);
    let member = figures::read(&session.report("demo-leo"), 1).await?.remove(0);
    ines.close().await?;
    leo.close().await?;
    fs::copy(session.report("demo-ines"), out.join("journal.json"))?;
    let summary = Summary {
        epochs: organizer.epochs(&BTreeMap::new()),
        codes_equal: codes.0 == codes.1 && seals.0 == seals.1,
        fingerprints_equal: prints.0.own == prints.1.theirs && prints.1.own == prints.0.theirs,
        two_way_audio: organizer.frames_opened > 0 && member.frames_opened > 0,
        frames_sent: organizer.frames_sealed,
        frames_opened: member.frames_opened,
        frames_lost_at_rekey: organizer.frames_lost_at_rekey + member.frames_lost_at_rekey,
        rekey_ms: organizer.rekey_ms(),
        join_to_first_audio_ms: member.first_audio_ms,
        click_to_sound_ms: None,
        mouth_to_ear_ms: None,
        mouth_to_ear_p95_ms: None,
        sound_server_ms: None,
        stoi: None,
        blindness: None,
    };
    summary.write(out)?;
    summary.print();
    let failures = summary.failures();
    ensure!(failures.is_empty(), "{}", failures.join("; "));
    Ok(())
}

/// Waits for a line from the keyboard, or for the end of what it could send.
async fn enter() {
    let (pressed, wait) = oneshot::channel();
    // A thread that nobody waits for: Ctrl+C must not wait for Enter.
    std::thread::spawn(move || pressed.send(std::io::stdin().read_line(&mut String::new())));
    // An error means that there is no keyboard, which ends the demo as well.
    let _ = wait.await;
}

async fn arrive(session: &Session, person: Person, relay: &Relay) -> anyhow::Result<App> {
    let app = App::launch(session, person, relay.authority(), "1").await?;
    app.see("[data-testid=first-run], [data-testid=home]").await?;
    if app.sees("first-run-name").await {
        first_run(&app, person.display).await?;
    }
    Ok(app)
}
