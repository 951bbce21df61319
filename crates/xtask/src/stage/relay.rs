//! The relay as a process of its own.

use crate::child::Child;
use crate::session::Session;
use anyhow::Context as _;
use std::io::{BufRead as _, BufReader};
use xtask::paths::release_binary;

/// A running relay.
#[derive(Debug)]
pub(crate) struct Relay {
    child: Child,
    address: String,
}

impl Relay {
    /// Starts `standfast-relay` on a free port of this computer.
    pub(crate) fn start(session: &Session) -> anyhow::Result<Self> {
        Self::start_as(session, "relay")
    }

    /// The same; its log goes into `NAME.log`.
    pub(crate) fn start_as(session: &Session, name: &str) -> anyhow::Result<Self> {
        let mut command = session.command(release_binary("standfast-relay"));
        command.args(["--listen", "127.0.0.1:0", "--log", "debug", "--readable"]);
        let (child, output) = Child::start_reading(name, &mut command, session.logs())?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line
            .trim()
            .strip_prefix("standfast-relay ready ")
            .context("the relay did not say that it is ready; see its log")?
            .to_owned();
        Ok(Self { child, address })
    }

    /// Where it listens, as `ws://127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Where it listens, as `127.0.0.1:PORT`.
    pub(crate) fn authority(&self) -> &str {
        self.address.rsplit('/').next().unwrap_or(&self.address)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}
