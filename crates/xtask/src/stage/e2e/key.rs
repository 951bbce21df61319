//! The key's life: three spoken words, removal, handover, takeover, a bot, another device.

use super::Test;
use crate::guest::Guest;
use crate::journey::{
    ask_for_words, let_ask_again, let_bot_in, let_in, own_key, pair, remove, seal, seated,
    spoken_words,
};
use crate::{LEO, PHONE};
use anyhow::{Context as _, ensure};
use std::time::{Duration, Instant};

/// What the bot is called.
const BOT: &str = "Minutes";

/// The next in line looks after the key so soon after the last sign of life, with the time that the
/// window takes to show it.
const TAKEOVER_LIMIT: Duration = Duration::from_secs(10);

impl Test {
    pub(super) async fn spoken(&self) -> anyhow::Result<()> {
        ask_for_words(&self.ines).await?;
        let (a, b) = (spoken_words(&self.ines).await?, spoken_words(&self.leo).await?);
        ensure!(a == b && a.split(' ').count() == 3, "words differ: {a} and {b}");
        Ok(())
    }

    pub(super) async fn removal(&self) -> anyhow::Result<()> {
        remove(&self.ines, LEO.display).await?;
        self.leo.see("[data-testid=ended][data-why=removed]").await?;
        seated(&self.ines, 1).await?;
        self.leo.click("go-home").await?;
        self.leo.click("join").await?;
        self.leo.see("[data-testid=entering][data-phase=removed_before]").await?;
        let_ask_again(&self.ines).await?;
        self.leo.click("leave").await?;
        self.leo.click("go-home").await?;
        self.leo.click("join").await?;
        let_in(&self.ines, 2).await?;
        seated(&self.leo, 2).await?;
        Ok(())
    }

    pub(super) async fn handover(&self) -> anyhow::Result<()> {
        self.ines.click("leave").await?;
        self.ines.click("leave-only").await?;
        self.ines.see("[data-testid=ended][data-why=left]").await?;
        seated(&self.leo, 1).await?;
        self.leo.see("[data-testid=open-security][data-state=takeover]").await?;
        self.ines.click("go-home").await?;
        self.ines.click("join").await?;
        seated(&self.ines, 2).await?;
        seated(&self.leo, 2).await?;
        // Whose leave would end it is asked: the key is the organizer's care again.
        self.ines.click("leave").await?;
        self.ines.see("leave-only").await?;
        self.ines.click("stay").await
    }

    /// A bot says whose it is, the owner says yes, a host lets it in, and one click takes its key.
    pub(super) async fn bot(&self) -> anyhow::Result<()> {
        let owner = own_key(&self.ines).await?;
        let args = ["--bot", "--owner", &owner];
        let guest = Guest::join(&self.session, "minutes", BOT, &self.link, &args)?;
        let_bot_in(&self.ines).await?;
        seated(&self.leo, 3).await?;
        let tile = format!("[data-testid=tile]:has([data-name=\"{BOT}\"])");
        self.leo.see(&format!("{tile} [data-on=true]")).await?;
        self.ines.click(&format!("{tile} [data-testid=record]")).await?;
        seated(&self.ines, 2).await?;
        self.leo.see(&format!("{tile} [data-on=false]")).await?;
        self.ines.click(&format!("{tile} [data-testid=record]")).await?;
        self.ines.click("record-confirm").await?;
        seated(&self.leo, 3).await?;
        guest.leave().await?;
        seated(&self.ines, 2).await?;
        Ok(())
    }

    /// The organizer's line is cut: nobody clicks, the other takes over, and gives back.
    pub(super) async fn cut(&self) -> anyhow::Result<()> {
        ensure!(!self.line.is_empty(), "the organizer's line is not known");
        self.gate.cut(&self.line);
        let begun = Instant::now();
        self.leo.see("[data-testid=open-security][data-state=takeover]").await?;
        let after = begun.elapsed();
        println!("        taken over {:.1} s after the cut", after.as_secs_f64());
        ensure!(after < TAKEOVER_LIMIT, "taken over only after {after:?}");
        seated(&self.leo, 1).await?;
        self.ines.see("[data-testid=meeting-frame][data-phase=reconnecting]").await?;
        self.gate.heal();
        seated(&self.ines, 2).await?;
        seated(&self.leo, 2).await?;
        Ok(())
    }

    /// Another device takes Leo's seat, by the word of the first.
    pub(super) async fn device(&self) -> anyhow::Result<()> {
        let old = own_key(&self.leo).await?;
        let dir = tempfile::tempdir()?;
        let code = dir.path().join("code");
        std::fs::write(&code, pair(&self.leo).await?)?;
        let code = code.to_string_lossy();
        let args = ["--pairing-code-file", &code, "--replaces", &old];
        let guest = Guest::join(&self.session, PHONE, LEO.display, &self.link, &args)?;
        self.leo.see("device-yes").await?;
        let before = seal(&self.ines).await?.context("an epoch before")?;
        self.leo.click("device-yes").await?;
        self.leo.see("[data-testid=ended][data-why=replaced]").await?;
        let after = seated(&self.ines, 2).await?;
        // One epoch gives the new device its key and takes the old one's.
        ensure!(after.epoch == before.epoch + 1, "{before:?} then {after:?}");
        self.ines.see("[data-testid=trust][data-trust=new_device]").await?;
        guest.leave().await?;
        Ok(())
    }
}
