//! A meeting in two parts: two relays that know nothing of each other, and one key again.

use super::Test;
use crate::app::App;
use crate::child::until;
use crate::guest::{Guest, Said};
use crate::journey::{let_in, meeting_code, seated, unmute};
use crate::relay::Relay;
use crate::sound::Jack;
use crate::{INES, LEO, SANA, speaker};
use anyhow::{Context as _, ensure};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the two who were led away take to find that nobody looks after their key, and to do it.
const PART_LIMIT: Duration = Duration::from_secs(30);

/// How long until the parts are one, with everyone's confirmation.
const MERGE_LIMIT: Duration = Duration::from_secs(30);

impl Test {
    /// Leo and Sana are led to a relay that knows nothing of the meeting, Ines stays.
    pub(super) async fn split(&mut self) -> anyhow::Result<()> {
        let wav = self.out.join("logs/sana-says.wav");
        speaker::say(&self.session, speaker::BRIEFLY, &wav).await?;
        let guest = Guest::join_speaking(&self.session, "sana", SANA, &self.link, &wav)?;
        let_in(&self.ines, 3).await?;
        seated(&self.leo, 3).await?;
        let other = Relay::start_as(&self.session, "relay-b")?;
        let begun = Instant::now();
        self.gate.lead(&self.others(), other.authority());
        let alone = || parted(&guest.sees()?).then_some(());
        until("key of the part that was led away", PART_LIMIT, alone).await?;
        println!("        two keys {:.1} s after the split", begun.elapsed().as_secs_f64());
        seated(&self.ines, 1).await?;
        seated(&self.leo, 2).await?;
        let (stays, led) = (meeting_code(&self.ines).await?, meeting_code(&self.leo).await?);
        ensure!(stays != led, "one code on both sides of the split");
        let theirs = guest.sees().and_then(|said| said.code);
        ensure!(theirs.as_ref() == Some(&led), "the part that was led away has two codes");
        self.picture("split").await?;
        (self.guest, self.other_relay) = (Some(guest), Some(other));
        Ok(())
    }

    /// All are led to the first relay, and nobody clicks anything.
    pub(super) async fn merge(&mut self) -> anyhow::Result<()> {
        let guest = self.guest.take().context("nobody was led away")?;
        let begun = Instant::now();
        self.gate.lead(&self.others(), self.relay.authority());
        let one = || guest.sees().filter(joined);
        let said = until("meeting of three again", MERGE_LIMIT, one).await?;
        let (a, b) = (seated(&self.ines, 3).await?, seated(&self.leo, 3).await?);
        println!("        one key {:.1} s after the split healed", begun.elapsed().as_secs_f64());
        ensure!(a == b && said.epoch == Some(a.epoch), "{a:?}, {b:?}, {said:?}");
        let (at_ines, at_leo) = (meeting_code(&self.ines).await?, meeting_code(&self.leo).await?);
        ensure!(at_ines == at_leo && said.code == Some(at_ines), "one key and several codes");
        told(&self.ines).await?;
        told(&self.leo).await?;
        self.picture("merged").await?;
        self.all_hear_all(&guest).await?;
        guest.leave().await?;
        seated(&self.ines, 2).await?;
        seated(&self.leo, 2).await?;
        Ok(())
    }

    /// Every line but the organizer's.
    fn others(&self) -> Vec<usize> {
        self.gate.lines().into_iter().filter(|line| !self.line.contains(line)).collect()
    }

    /// Sana speaks all the time; the two in the windows say something, one after the other.
    async fn all_hear_all(&self, guest: &Guest) -> anyhow::Result<()> {
        unmute(&self.ines).await?;
        unmute(&self.leo).await?;
        speaks(&self.ines, SANA).await?;
        speaks(&self.leo, SANA).await?;
        let wav = self.out.join("logs/sana-says.wav");
        self.say(Jack::MicA, &wav, &self.leo, INES.display, guest).await?;
        self.say(Jack::MicB, &wav, &self.ines, LEO.display, guest).await
    }

    async fn say(
        &self,
        mic: Jack,
        wav: &Path,
        listener: &App,
        who: &str,
        guest: &Guest,
    ) -> anyhow::Result<()> {
        let from = guest.recorded();
        let voice = self.session.sound()?.play(mic, wav)?;
        speaks(listener, who).await?;
        let heard = || guest.heard_after(from).then_some(());
        until("sound at the guest's", Duration::from_secs(10), heard).await?;
        voice.finish(Duration::from_secs(20)).await
    }
}

/// Waits until a window shows that somebody speaks.
async fn speaks(app: &App, who: &str) -> anyhow::Result<()> {
    app.see(&format!("[data-testid=tile][data-speaking=true]:has([data-name=\"{who}\"])")).await?;
    Ok(())
}

/// Waits until a window says from when to when the meeting was split.
async fn told(app: &App) -> anyhow::Result<()> {
    app.see("[data-testid=open-security][data-state=split]").await?;
    let words = app.see("confirmed").await?.text().await?;
    ensure!(words.starts_with("Split from ") && words.contains(" to "), "it says '{words}'");
    Ok(())
}

/// The two who were led away have a key that Leo looks after, and both have confirmed it.
fn parted(said: &Said) -> bool {
    let leo = said.looks_after_key.as_deref() == Some(LEO.display);
    leo && (said.confirmed, said.members) == (Some(2), Some(2))
}

/// All three have confirmed a key that Ines looks after.
fn joined(said: &Said) -> bool {
    let ines = said.looks_after_key.as_deref() == Some(INES.display);
    ines && (said.confirmed, said.members) == (Some(3), Some(3))
}
