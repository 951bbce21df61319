//! Leaving, closing the window, and coming back.

use super::Test;
use crate::app::App;
use crate::journey::{compare, leave, let_in, seal, seated};
use crate::{INES, LEO};
use anyhow::{Context as _, ensure};

impl Test {
    pub(super) async fn leaving(&mut self) -> anyhow::Result<()> {
        let before = seal(&self.ines).await?.context("an epoch before")?;
        leave(&self.leo).await?;
        let after = seated(&self.ines, 1).await?;
        self.line = self.gate.lines();
        ensure!(after.epoch > before.epoch, "{before:?} then {after:?}");
        Ok(())
    }

    pub(super) async fn restart(&mut self) -> anyhow::Result<()> {
        self.leo.click("go-home").await?;
        self.leo.close().await?;
        self.leo = App::launch(&self.session, LEO, &self.gate.url(), "2").await?;
        self.leo.see("home").await?;
        let contact = format!("[data-testid=contact][data-name=\"{}\"]", INES.display);
        self.leo.see(&format!("{contact} [data-trust=verified]")).await?;
        Ok(())
    }

    pub(super) async fn return_of_leo(&self) -> anyhow::Result<()> {
        let before = seal(&self.ines).await?.context("an epoch before")?;
        self.leo.click("join").await?;
        let after = let_in(&self.ines, 2).await?;
        seated(&self.leo, 2).await?;
        ensure!(after.epoch > before.epoch, "{before:?} then {after:?}");
        let shown = compare(&self.ines, LEO.display).await?;
        self.ines.click("back").await?;
        ensure!(shown.theirs == self.own, "Leo came back with another key");
        Ok(())
    }
}
