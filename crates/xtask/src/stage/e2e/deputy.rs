//! The organizer is away: a deputy opens, others come, and the organizer joins them.

use super::Test;
use crate::guest::Guest;
use crate::journey::{leave, let_in, meeting_code, name_deputy, seal, seated};
use crate::{LEO, SANA};
use anyhow::{Context as _, ensure};

impl Test {
    pub(super) async fn deputy(&mut self) -> anyhow::Result<()> {
        self.leo.click("go-home").await?;
        leave(&self.ines).await?;
        self.ines.click("go-home").await?;
        self.ines.click("join").await?;
        seated(&self.ines, 1).await?;
        self.leo.click("join").await?;
        let_in(&self.ines, 2).await?;
        seated(&self.leo, 2).await?;
        let before = meeting_code(&self.ines).await?;
        name_deputy(&self.ines, LEO.display, || self.picture("deputy-named")).await?;
        leave(&self.ines).await?;
        self.leo.see("[data-testid=ended][data-why=ended]").await?;
        self.leo.click("go-home").await?;
        self.leo.click("join").await?;
        self.leo.see("open-meeting").await?;
        self.picture("deputy-asked").await?;
        self.leo.click("open-meeting").await?;
        seated(&self.leo, 1).await?;
        let guest = Guest::join(&self.session, "sana", SANA, &self.link, &[])?;
        // Known from before: expected, and asked by nobody.
        seated(&self.leo, 2).await?;
        self.ines.click("go-home").await?;
        self.ines.click("join").await?;
        seated(&self.ines, 3).await?;
        seated(&self.leo, 3).await?;
        self.one_session(&before).await?;
        self.picture("deputy-opened").await?;
        guest.leave().await?;
        Ok(())
    }

    /// The key that the organizer takes back is the key of everyone, and not that of the day before.
    async fn one_session(&self, before: &str) -> anyhow::Result<()> {
        self.ines.click("leave").await?;
        self.ines.see("leave-only").await?;
        self.ines.click("stay").await?;
        let (a, b) = (seated(&self.ines, 3).await?, seal(&self.leo).await?.context("a key")?);
        ensure!(a == b, "the organizer has {a:?}, the deputy {b:?}");
        let (a, b) = (meeting_code(&self.ines).await?, meeting_code(&self.leo).await?);
        ensure!(a == b && a != before, "codes: {a}, {b}, before {before}");
        Ok(())
    }
}
