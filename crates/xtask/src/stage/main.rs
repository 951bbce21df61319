//! The stage: two real windows, a relay, and everything that they need around them.

mod app;
mod blind;
mod child;
mod demo;
mod e2e;
mod erasure;
mod figures;
mod gate;
mod guest;
mod hear;
mod here;
mod journey;
mod keys;
mod ledger;
mod relay;
mod session;
mod sound;
mod speaker;
mod summary;
mod tap;
mod wav;

use crate::app::Person;
use crate::sound::Jack;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use xtask::paths::root;

/// The organizer.
const INES: Person =
    Person { name: "ines", display: "Ines Marrowby", mic: Jack::MicA, ear: Jack::EarA, place: 0 };

/// Who joins by the link.
const LEO: Person =
    Person { name: "leo", display: "Leo Quillfeather", mic: Jack::MicB, ear: Jack::EarB, place: 1 };

/// The profile of Leo's other device.
const PHONE: &str = "phone";

/// What the third participant is called.
const SANA: &str = "Sana Thistledown";

/// Holds the demo and the end-to-end test.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A standup between two windows, measured and written down.
    Demo {
        /// Uses a display, a sound server and a keychain of its own even where there are some.
        #[arg(long)]
        virtual_stage: bool,
    },
    /// The end-to-end test.
    Test,
    /// Looks for secrets in the memory of a meeting's processes, before and after its end.
    Erasure {
        /// How many meetings to hold.
        #[arg(long, default_value_t = 1)]
        runs: usize,
    },
    /// Opens one window and takes a picture of it: a check of the stage itself.
    Look,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = run(args.command) => outcome,
        // Leaving this function stops every program of the stage.
        _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped"),
        _ = terminated.recv() => anyhow::bail!("stopped"),
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Demo { virtual_stage } => {
            let out = root().join("target/demo");
            if out.exists() {
                std::fs::remove_dir_all(&out)?;
            }
            std::fs::create_dir_all(&out)?;
            if virtual_stage || !here::possible() {
                demo::run(&out).await
            } else {
                here::run(&out).await
            }
        }
        Command::Test => e2e::run(&root().join("target/e2e")).await,
        Command::Erasure { runs } => erasure::run(&root().join("target/erasure"), runs).await,
        Command::Look => look().await,
    }
}

async fn look() -> anyhow::Result<()> {
    let out = root().join("target/look");
    let session = session::Session::open(&out.join("logs")).await?;
    let relay = relay::Relay::start(&session)?;
    println!("relay at {} (process {})", relay.address(), relay.id());
    let app = app::App::launch(&session, LEO, relay.address(), "1").await?;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    println!("{}", app.ask("return document.documentElement.outerHTML").await?);
    app.picture(&out.join("window.png")).await?;
    app.close().await
}
