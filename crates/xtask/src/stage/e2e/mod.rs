//! The end-to-end test: two real windows on one relay, each with a microphone, a speaker and a
//! keychain.

mod day;
mod deputy;
mod key;
mod meeting;
mod split;
mod talk;

use crate::app::App;
use crate::gate::Gate;
use crate::guest::Guest;
use crate::ledger::Ledger;
use crate::relay::Relay;
use crate::session::Session;
use crate::{INES, LEO};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// One thing that is checked.
#[derive(Clone, Copy)]
enum Check {
    Identities,
    Together,
    SameCode,
    Fingerprints,
    Voices,
    TalkKey,
    Confined,
    Spoken,
    Removal,
    Handover,
    Leaving,
    Restart,
    Return,
    Bot,
    Split,
    Merge,
    Cut,
    Device,
    Deputy,
}

/// The checks in their order, by name. Each builds on those before it.
const CHECKS: [(Check, &str); 19] = [
    (Check::Identities, "first run makes an identity in the keychain"),
    (Check::Together, "a standup is created and joined through its link"),
    (Check::SameCode, "both windows show the same meeting code and epoch"),
    (Check::Fingerprints, "each window shows the fingerprint that the other has"),
    (Check::Voices, "speech is heard in both directions"),
    (Check::TalkKey, "a key of the whole desktop opens the microphone while it is held"),
    (Check::Confined, "the page reaches nothing but its two commands"),
    (Check::Spoken, "three spoken words are the same in both windows"),
    (Check::Removal, "who is removed stays out until the organizer lets them ask again"),
    (Check::Handover, "the organizer leaves, the other looks after the key, and hands it back"),
    (Check::Leaving, "leaving raises the epoch for the other"),
    (Check::Restart, "verification survives a restart"),
    (Check::Return, "coming back makes a new epoch with the same identity"),
    (Check::Bot, "a bot is owned, let in, and put off and on the record"),
    (Check::Split, "two are led to another relay: both parts go on, each with its own key"),
    (Check::Merge, "back at one relay they join without a click, and the windows say what was"),
    (Check::Cut, "the organizer's line is cut: the other takes over, and gives back"),
    (Check::Device, "the meeting goes on on another device by the first one's word"),
    (Check::Deputy, "a deputy opens without the organizer, who comes back into the same session"),
];

/// Runs the test. Logs and, where something fails, pictures go into `out`.
pub(crate) async fn run(out: &Path) -> anyhow::Result<()> {
    let session = Session::open(&out.join("logs")).await?;
    let relay = Relay::start(&session)?;
    let gate = Gate::open(relay.authority()).await?;
    let ines = App::launch(&session, INES, &gate.url(), "1").await?;
    let leo = App::launch(&session, LEO, &gate.url(), "1").await?;
    let mut test = Test {
        ines,
        leo,
        session,
        gate,
        line: Vec::new(),
        link: String::new(),
        own: String::new(),
        guest: None,
        relay,
        other_relay: None,
        out: out.to_owned(),
    };
    let mut ledger = Ledger::default();
    for (at, (check, name)) in CHECKS.iter().enumerate() {
        let begun = Instant::now();
        let outcome = test.check(*check).await;
        if !ledger.note(name, begun, outcome) {
            test.pictures(out).await;
            ledger.missed(CHECKS[at + 1..].iter().map(|(_, name)| *name));
            break;
        }
    }
    ledger.finish("end-to-end")
}

struct Test {
    ines: App,
    leo: App,
    session: Session,
    /// Between the windows and the relay.
    gate: Gate,
    /// The organizer's connections.
    line: Vec<usize>,
    link: String,
    own: String,
    /// Who is in the meeting beside the two windows, from one check to the next.
    guest: Option<Guest>,
    relay: Relay,
    /// Knows nothing of the first one.
    other_relay: Option<Relay>,
    /// Where pictures go.
    out: PathBuf,
}

impl Test {
    async fn check(&mut self, check: Check) -> anyhow::Result<()> {
        match check {
            Check::Identities => self.identities().await,
            Check::Together => self.together().await,
            Check::SameCode => self.same_code().await,
            Check::Fingerprints => self.fingerprints().await,
            Check::Voices => self.voices().await,
            Check::TalkKey => self.talk_key().await,
            Check::Confined => self.confined().await,
            Check::Spoken => self.spoken().await,
            Check::Removal => self.removal().await,
            Check::Handover => self.handover().await,
            Check::Leaving => self.leaving().await,
            Check::Restart => self.restart().await,
            Check::Return => self.return_of_leo().await,
            Check::Bot => self.bot().await,
            Check::Split => self.split().await,
            Check::Merge => self.merge().await,
            Check::Cut => self.cut().await,
            Check::Device => self.device().await,
            Check::Deputy => self.deputy().await,
        }
    }

    /// Both windows as they are now, for whoever looks at them later.
    async fn picture(&self, name: &str) -> anyhow::Result<()> {
        self.session.picture(None, &self.out.join(format!("{name}.png"))).await
    }

    async fn pictures(&self, out: &Path) {
        for app in [&self.ines, &self.leo] {
            for error in app.page_errors().await.unwrap_or_default() {
                println!("        {}: {error}", app.name());
            }
        }
        let path = out.join("both.png");
        match self.session.picture(None, &path).await {
            Ok(()) => println!("        see {}", path.display()),
            Err(error) => println!("        no picture: {error:#}"),
        }
    }
}
