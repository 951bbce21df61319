//! Two meet: the same key for both, speech in both directions, and a page that reaches nothing.

use super::Test;
use crate::hear::Exchange;
use crate::journey::{
    compare, first_run, knock, let_in, mark_verified, meeting_code, open_standup, seal, seated,
    unmute,
};
use crate::sound::Jack;
use crate::speaker;
use crate::{INES, LEO};
use anyhow::{Context as _, ensure};
use std::time::Duration;

/// What a script that got into the page would try. Gives the names of what worked.
const ESCAPES: &str = "
    const tries = {
      'asking another host': () => fetch('https://example.org/'),
      'asking this computer': () => fetch('http://127.0.0.1/'),
      'a command of Tauri itself': () => __TAURI_INTERNALS__.invoke('plugin:app|version'),
      'a command that is not ours': () => __TAURI_INTERNALS__.invoke('read_file', { path: '/' }),
      'the global object of Tauri': async () => { if (!window.__TAURI__) throw 0; },
      'opening a window': async () => { if (!window.open('https://example.org/')) throw 0; },
      'changing a prototype': async () => {
        Object.prototype.planted = 1;
        if (!({}).planted) throw 0;
      },
    };
    return (async () => {
      const worked = [];
      for (const [name, attempt] of Object.entries(tries))
        await Promise.resolve().then(attempt).then(() => worked.push(name), () => {});
      location.href = 'https://example.org/';
      return worked;
    })();";

impl Test {
    pub(super) async fn identities(&self) -> anyhow::Result<()> {
        first_run(&self.ines, INES.display).await?;
        first_run(&self.leo, LEO.display).await
    }

    pub(super) async fn together(&mut self) -> anyhow::Result<()> {
        self.link = open_standup(&self.ines, "Harbour team", self.gate.address()).await?;
        knock(&self.leo, &self.link).await?;
        let_in(&self.ines, 2).await?;
        seated(&self.leo, 2).await?;
        Ok(())
    }

    pub(super) async fn same_code(&self) -> anyhow::Result<()> {
        let (a, b) = (meeting_code(&self.ines).await?, meeting_code(&self.leo).await?);
        ensure!(a.len() == 30, "a code of {} digits", a.len());
        ensure!(a == b, "codes differ: {a} and {b}");
        let (a, b) = (seal(&self.ines).await?, seal(&self.leo).await?);
        ensure!(a.is_some() && a == b, "the lines differ: {a:?} and {b:?}");
        Ok(())
    }

    pub(super) async fn fingerprints(&mut self) -> anyhow::Result<()> {
        let at_ines = compare(&self.ines, LEO.display).await?;
        self.ines.click("back").await?;
        let at_leo = compare(&self.leo, INES.display).await?;
        ensure!(at_ines.own == at_leo.theirs, "Leo's window shows another key for Ines");
        ensure!(at_leo.own == at_ines.theirs, "Ines's window shows another key for Leo");
        ensure!(at_ines.own != at_leo.own, "one key for two people");
        self.own = at_leo.own;
        mark_verified(&self.leo).await
    }

    pub(super) async fn voices(&self) -> anyhow::Result<()> {
        unmute(&self.ines).await?;
        unmute(&self.leo).await?;
        self.hear(speaker::REPORT, Jack::MicA, Jack::EarB).await?;
        self.hear(speaker::ANSWER, Jack::MicB, Jack::EarA).await
    }

    async fn hear(&self, text: &str, mic: Jack, ear: Jack) -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let wav = dir.path().join("said.wav");
        speaker::say(&self.session, text, &wav).await?;
        let mut recorder = self.session.sound()?.record("test").await?;
        self.session.sound()?.play(mic, &wav)?.finish(Duration::from_secs(60)).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        recorder.stop();
        let exchange = Exchange::cut(&recorder, mic, ear)?;
        let path = format!("{} to {}", mic.sink(), ear.sink());
        let measured = exchange.ensure_arrived().context(path.clone())?;
        println!("        {path}: STOI {:.2}, {:.0} ms", measured.stoi, measured.mouth_to_ear_ms);
        Ok(())
    }

    pub(super) async fn confined(&self) -> anyhow::Result<()> {
        let outcome = self.leo.ask(ESCAPES).await?;
        let escapes: Vec<String> = serde_json::from_value(outcome)?;
        ensure!(escapes.is_empty(), "what a script in the page could do: {}", escapes.join(", "));
        tokio::time::sleep(Duration::from_millis(500)).await;
        let place = self.leo.ask("return location.href").await?;
        let ours = place.as_str().is_some_and(|url| url.starts_with("tauri://localhost"));
        ensure!(ours, "the window shows {place}");
        Ok(())
    }
}
