//! The demo: a standup between two real windows, with a third person who comes late and leaves.

use crate::app::{App, Person};
use crate::blind::{Blindness, Needles};
use crate::figures;
use crate::guest::Guest;
use crate::hear::Exchange;
use crate::journey::{
    compare, first_run, knock, leave, let_in, meeting_code, open_standup, seal, seated, unmute,
};
use crate::relay::Relay;
use crate::session::Session;
use crate::sound::{Jack, RATE};
use crate::summary::Summary;
use crate::tap::Tap;
use crate::{INES, LEO, SANA, keys, speaker, wav};
use anyhow::{Context as _, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

/// What the team calls its standup.
const TITLE: &str = "Harbour team";

/// Holds the demo on a stage of its own and writes everything into `out`.
///
/// # Errors
/// When it could not be held to its end, or did not show what it must.
pub(crate) async fn run(out: &Path) -> anyhow::Result<()> {
    println!("demo: a display, a sound server, a keychain and a relay");
    let session = Session::open(&out.join("logs")).await?;
    let mut demo = Demo::open(&session, out).await?;
    let server = demo.sound_server().await?;
    println!("demo: two windows");
    demo.open_windows().await?;
    demo.meet().await?;
    demo.fingerprints().await?;
    println!("demo: {} speaks, {} comes late and leaves", INES.display, SANA);
    let report = demo.report().await?;
    println!("demo: {} answers", LEO.display);
    let answer = demo.exchange("answer", speaker::ANSWER, Jack::MicB, Jack::EarA).await?;
    println!("demo: {} leaves and comes back", LEO.display);
    let join_ms = demo.come_back().await?;
    let blindness = demo.blindness(&report.spoken)?;
    let summary = demo.end(&report, &answer, server, join_ms, blindness).await?;
    summary.write(out)?;
    summary.print();
    println!("\neverything is in {}", out.display());
    let failures = summary.failures();
    ensure!(failures.is_empty(), "{}", failures.join("; "));
    Ok(())
}

struct Demo<'a> {
    session: &'a Session,
    out: PathBuf,
    relay: Relay,
    tap: Tap,
    windows: Option<(App, App)>,
    link: String,
    codes_equal: bool,
    fingerprints_equal: bool,
    people: BTreeMap<String, String>,
}

impl<'a> Demo<'a> {
    async fn open(session: &'a Session, out: &Path) -> anyhow::Result<Self> {
        let relay = Relay::start(session)?;
        let tap = Tap::open(relay.address()).await?;
        Ok(Self {
            session,
            out: out.to_owned(),
            relay,
            tap,
            windows: None,
            link: String::new(),
            codes_equal: true,
            fingerprints_equal: false,
            people: BTreeMap::new(),
        })
    }

    /// What the sound server takes by itself from a microphone to a speaker.
    async fn sound_server(&self) -> anyhow::Result<f64> {
        let circuit = self.session.sound()?.short_circuit(Jack::MicA, Jack::EarB)?;
        sleep(Duration::from_millis(500)).await;
        let heard = self.exchange("server", "One, two, three, four.", Jack::MicA, Jack::EarB).await;
        drop(circuit);
        Ok(heard?.ensure_arrived()?.mouth_to_ear_ms)
    }

    async fn open_windows(&mut self) -> anyhow::Result<()> {
        let relay = self.tap.address();
        let ines = App::launch(self.session, INES, relay, "1").await?;
        let leo = App::launch(self.session, LEO, relay, "1").await?;
        ines.see("first-run-name").await?;
        self.picture(INES, "first-run.png").await?;
        first_run(&ines, INES.display).await?;
        first_run(&leo, LEO.display).await?;
        self.picture(LEO, "home.png").await?;
        self.windows = Some((ines, leo));
        Ok(())
    }

    fn windows(&self) -> anyhow::Result<(&App, &App)> {
        self.windows.as_ref().map(|(ines, leo)| (ines, leo)).context("the windows")
    }

    async fn meet(&mut self) -> anyhow::Result<()> {
        let (ines, leo) = self.windows()?;
        let link = open_standup(ines, TITLE, self.tap.address()).await?;
        self.picture(INES, "alone.png").await?;
        knock(leo, &link).await?;
        let_in(ines, 2).await?;
        seated(leo, 2).await?;
        self.link = link;
        self.note().await
    }

    /// Compares the two windows' code and epoch, and notes who is on the roster.
    async fn note(&mut self) -> anyhow::Result<()> {
        let (ines, leo) = self.windows()?;
        let codes = (meeting_code(ines).await?, meeting_code(leo).await?);
        let seals = (seal(ines).await?, seal(leo).await?);
        let equal = codes.0 == codes.1 && codes.0.len() == 30 && seals.0 == seals.1;
        let seal = seals.0.context("the epoch in use")?;
        println!(
            "demo: epoch {}, confirmed {} of {}, code {} {}",
            seal.epoch,
            seal.confirmed,
            seal.members,
            codes.0,
            if equal { "on both" } else { "DIFFERS" }
        );
        self.codes_equal &= equal;
        Ok(())
    }

    async fn fingerprints(&mut self) -> anyhow::Result<()> {
        let (ines, leo) = self.windows()?;
        let at_ines = compare(ines, LEO.display).await?;
        self.picture(INES, "compare.png").await?;
        ines.click("back").await?;
        let at_leo = compare(leo, INES.display).await?;
        leo.click("back").await?;
        unmute(ines).await?;
        unmute(leo).await?;
        self.fingerprints_equal = at_ines.own == at_leo.theirs
            && at_leo.own == at_ines.theirs
            && at_ines.own != at_leo.own;
        Ok(())
    }

    /// The first person's report, during which a third one comes and goes.
    async fn report(&mut self) -> anyhow::Result<Exchange> {
        let wav = self.say("report", speaker::REPORT).await?;
        let mut recorder = self.session.sound()?.record("report").await?;
        let playing = self.session.sound()?.play(Jack::MicA, &wav)?;
        sleep(Duration::from_secs(2)).await;
        let guest = Guest::join(self.session, "guest", SANA, &self.link, &[])?;
        {
            let (ines, leo) = self.windows()?;
            let_in(ines, 3).await?;
            seated(leo, 3).await?;
        }
        self.note().await?;
        self.picture(INES, "ines.png").await?;
        self.picture(LEO, "leo.png").await?;
        self.session.picture(None, &self.out.join("both.png")).await?;
        self.people = guest.leave().await?;
        {
            let (ines, leo) = self.windows()?;
            seated(ines, 2).await?;
            seated(leo, 2).await?;
        }
        self.note().await?;
        playing.finish(Duration::from_secs(60)).await?;
        sleep(Duration::from_secs(1)).await;
        recorder.stop();
        let report = Exchange::cut(&recorder, Jack::MicA, Jack::EarB)?;
        wav::write(&self.out.join("spoken.wav"), &report.spoken)?;
        wav::write(&self.out.join("heard.wav"), &report.heard)?;
        Ok(report)
    }

    /// One person speaks, another one listens, nothing else happens.
    async fn exchange(
        &self,
        name: &str,
        text: &str,
        mic: Jack,
        ear: Jack,
    ) -> anyhow::Result<Exchange> {
        let wav = self.say(name, text).await?;
        let mut recorder = self.session.sound()?.record(name).await?;
        self.session.sound()?.play(mic, &wav)?.finish(Duration::from_secs(60)).await?;
        sleep(Duration::from_secs(1)).await;
        recorder.stop();
        Exchange::cut(&recorder, mic, ear)
    }

    /// The second person leaves and joins again while the first speaks. Gives the milliseconds
    /// from the click to the first sound.
    async fn come_back(&mut self) -> anyhow::Result<f64> {
        let wav = self.say("again", speaker::REPORT).await?;
        let (ines, leo) = self.windows()?;
        leave(leo).await?;
        self.picture(LEO, "ended.png").await?;
        seated(ines, 1).await?;
        let recorder = self.session.sound()?.record("join").await?;
        let playing = self.session.sound()?.play(Jack::MicA, &wav)?;
        sleep(Duration::from_millis(1500)).await;
        let clicked = recorder.position()?;
        leo.click("join-again").await?;
        let_in(ines, 2).await?;
        seated(leo, 2).await?;
        playing.finish(Duration::from_secs(60)).await?;
        let heard = recorder.so_far(Jack::EarB)?;
        let first = heard
            .iter()
            .skip(clicked)
            .position(|sample| sample.abs() > 0.003)
            .context("nothing was heard after coming back")?;
        self.note().await?;
        Ok(first as f64 * 1000.0 / f64::from(RATE))
    }

    fn blindness(&self, spoken: &[f32]) -> anyhow::Result<Blindness> {
        let mut needles = Needles::default();
        for name in [INES.display, LEO.display, SANA] {
            needles.add("a display name", name.as_bytes());
        }
        needles.add("the standup's title", TITLE.as_bytes());
        needles.add_sound("spoken sound", spoken);
        for secret in keys::secrets(self.session)? {
            needles.add("a key of the keychain", &secret);
        }
        let log = self.session.logs().join("relay.log");
        needles.search(self.relay.id(), &log, &self.tap.streams())
    }

    /// Ends the meeting, closes the windows, and puts everything together.
    async fn end(
        self,
        report: &Exchange,
        answer: &Exchange,
        server_ms: f64,
        click_ms: f64,
        blindness: Blindness,
    ) -> anyhow::Result<Summary> {
        let (ines, leo) = self.windows()?;
        leave(leo).await?;
        leave(ines).await?;
        self.picture(INES, "after.png").await?;
        let [organizer] = &figures::read(&self.session.report(INES.name), 1).await?[..] else {
            bail!("not one meeting for the organizer")
        };
        let [first, second] = &figures::read(&self.session.report(LEO.name), 2).await?[..] else {
            bail!("not two meetings for the member")
        };
        leo.close().await?;
        ines.close().await?;
        fs::copy(self.session.report(INES.name), self.out.join("journal.json"))?;
        Ok(Summary {
            epochs: organizer.epochs(&self.people),
            codes_equal: self.codes_equal,
            fingerprints_equal: self.fingerprints_equal,
            two_way_audio: report.arrived() && answer.arrived(),
            frames_sent: organizer.frames_sealed,
            frames_opened: first.frames_opened + second.frames_opened,
            frames_lost_at_rekey: organizer.frames_lost_at_rekey
                + first.frames_lost_at_rekey
                + second.frames_lost_at_rekey,
            rekey_ms: organizer.rekey_ms(),
            join_to_first_audio_ms: second.first_audio_ms,
            click_to_sound_ms: Some(click_ms),
            mouth_to_ear_ms: report.measured.as_ref().map(|measured| measured.mouth_to_ear_ms),
            mouth_to_ear_p95_ms: report.measured.as_ref().map(|m| m.mouth_to_ear_p95_ms),
            sound_server_ms: Some(server_ms),
            stoi: report.measured.as_ref().map(|measured| measured.stoi),
            blindness: Some(blindness),
        })
    }

    /// Takes a picture of a window off the screen. The driver's own pictures do not always come.
    async fn picture(&self, of: Person, name: &str) -> anyhow::Result<()> {
        // What was just clicked is still being drawn.
        sleep(Duration::from_millis(300)).await;
        self.session.picture(Some(&of.part()), &self.out.join(name)).await
    }

    async fn say(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let wav = self.out.join("logs").join(format!("{name}.wav"));
        speaker::say(self.session, text, &wav).await?;
        Ok(wav)
    }
}
