//! The meeting that is searched, step by step.

use super::Search;
use super::memory::Region;
use super::needles::{Found, Needles, Sorted};
use super::person::{MEETING_PASSPHRASE, Person, Running};
use crate::child::Child;
use anyhow::{Context as _, ensure};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use xtask::paths::release_binary;

/// The checks in their order, by name. Each goes on where the one before ended.
pub(crate) const CHECKS: [&str; 9] = [
    "four people are in a meeting and speak",
    "during the meeting the search finds its secrets, and none that is to be erased by then",
    "keys are locked in RAM as far as the system allows, and nobody stays out where it does not",
    "the relay holds no secret of anyone",
    "after a panic nothing is left",
    "after leaving nothing is left",
    "after a crash nothing is on disk, and nothing comes back with the next start",
    "after the end nothing is left with the organizer",
    "after the end nothing is left with a member",
];

/// When the positive control is taken.
pub(crate) const DURING: &str = "during the meeting";

/// How long secrets may live after the end.
const AFTER: Duration = Duration::from_secs(1);
/// How long is spoken before and after a rotation: some steps of the ratchet.
const SPEAKING: Duration = Duration::from_secs(3);

/// What must be found while the meeting runs, with everyone.
const HELD: [&str; 11] = [
    "identity",
    "link",
    "ack key",
    "sender base keys",
    "frame keys",
    "wrap chains",
    "contact bundles",
    "packets out",
    "packets in",
    "sound out",
    "sound in",
];
/// Searches until all of that was found: sound and packets come and go within milliseconds.
const LOOKS: usize = 4;
/// What lives for one step only, and is gone while the meeting runs.
const PASSED: [&str; 3] = ["epoch secrets", "wrap keys", "passphrase"];
/// What the organizer holds besides.
const ORGANIZERS: [&str; 2] = ["generator key", "right to end"];

/// What a profile is given again with its next start, by design; and packets, for every speaker's
/// silence is coded alike.
const GIVEN_AGAIN: [&str; 7] =
    ["identity", "profile", "link", "passphrase", "contact bundles", "packets in", "packets out"];

/// Relay and participants. Dropping it stops them.
pub(crate) struct Meeting {
    people: Vec<Person>,
    /// Those who were started, in the same order.
    running: Vec<Running>,
    relay: Child,
    address: String,
    link: String,
    passphrase: PathBuf,
    folder: PathBuf,
    /// How many speeches there are.
    speeches: u32,
    pub(crate) searches: Vec<Search>,
}

/// Places in [`Meeting`]'s lists.
const INES: usize = 0;
const LEO: usize = 1;
const SANA: usize = 2;
const MINA: usize = 3;

impl Meeting {
    /// Starts a relay; nobody is there yet.
    pub(crate) fn open(folder: &Path, out: &Path) -> anyhow::Result<Self> {
        let (relay, address) = relay(out)?;
        let passphrase = folder.join("passphrase");
        std::fs::write(&passphrase, MEETING_PASSPHRASE)?;
        let people = [("ines", None), ("leo", Some(0)), ("sana", None), ("mina", Some(64))];
        let people = people.map(|(name, may_lock)| Person::new(name, may_lock, folder));
        Ok(Self {
            people: people.into_iter().collect::<Result<_, _>>()?,
            running: Vec::new(),
            relay,
            address,
            link: String::new(),
            passphrase,
            folder: folder.to_owned(),
            speeches: 0,
            searches: Vec::new(),
        })
    }

    pub(crate) async fn check(&mut self, at: usize) -> anyhow::Result<()> {
        match at {
            0 => self.together().await,
            1 => self.during(),
            2 => self.locked(),
            3 => self.at_the_relay(),
            4 => self.panic().await,
            5 => self.leave().await,
            6 => self.crash().await,
            7 => self.end().await,
            _ => self.ended().await,
        }
    }

    async fn together(&mut self) -> anyhow::Result<()> {
        self.link = self.people[INES].create(&self.address, &self.passphrase).await?;
        for who in [INES, LEO, SANA, MINA] {
            let running = self.join(who)?;
            self.running.push(running);
            let members = self.running.len() as u64;
            self.running[INES].live(members).await?;
        }
        for running in &mut self.running {
            running.live(4).await?;
        }
        tokio::time::sleep(SPEAKING).await;
        self.running[INES].command("rotate")?;
        self.running[INES].command("spoken")?;
        tokio::time::sleep(SPEAKING).await;
        Ok(())
    }

    /// Each time with another speech: what two say alike is not told apart in a search.
    fn join(&mut self, who: usize) -> anyhow::Result<Running> {
        self.speeches += 1;
        let speech = self.folder.join(format!("speech-{}.wav", self.speeches));
        say(&speech, self.speeches)?;
        self.people[who].join(&self.link, &self.passphrase, &speech)
    }

    fn during(&mut self) -> anyhow::Result<()> {
        let mut wrong = Vec::new();
        for who in [INES, LEO, SANA, MINA] {
            let organizers = ORGANIZERS.into_iter().filter(|_| who == INES);
            let mut missing: Vec<&str> = HELD.into_iter().chain(organizers).collect();
            for _ in 0..LOOKS {
                let found = self.search(who, DURING)?;
                let has = |kind: &&str| found.by_kind.contains_key(*kind);
                missing.retain(|kind| !has(kind));
                let (still, name) = (PASSED.into_iter().filter(has), self.people[who].name());
                wrong.extend(still.map(|kind| format!("still {kind} with {name}")));
                if missing.is_empty() {
                    break;
                }
            }
            let name = self.people[who].name();
            wrong.extend(missing.iter().map(|kind| format!("no {kind} with {name}")));
        }
        ensure!(wrong.is_empty(), "{}", wrong.join(", "));
        Ok(())
    }

    /// Everyone is live by now, also those who may lock little.
    fn locked(&self) -> anyhow::Result<()> {
        for (person, running) in self.people.iter().zip(&self.running) {
            let (name, kib) = (person.name(), running.locked_kib()?);
            match person.may_lock_kib() {
                Some(0) => ensure!(kib == 0, "{name} locked {kib} KiB and may lock none"),
                Some(most) => ensure!(kib > 0 && kib <= most, "{name} locked {kib} of {most} KiB"),
                None => ensure!(kib > 0, "{name} locked nothing"),
            }
        }
        Ok(())
    }

    fn at_the_relay(&mut self) -> anyhow::Result<()> {
        let mut all = Needles::default();
        for running in &self.running {
            all.extend(running.needles()?);
        }
        let found = all.sorted().search(self.relay.id())?;
        self.note("relay", "for everyone's secrets", found)
    }

    async fn panic(&mut self) -> anyhow::Result<()> {
        self.running[MINA].panic()?;
        self.running[MINA].over().await?;
        self.nothing_left(MINA, "1 s after a panic of the call's thread").await
    }

    async fn leave(&mut self) -> anyhow::Result<()> {
        self.running[LEO].leave();
        self.running[LEO].left().await?;
        self.nothing_left(LEO, "1 s after leaving").await
    }

    /// The process is killed and started again: its successor must know nothing of before.
    async fn crash(&mut self) -> anyhow::Result<()> {
        let before = self.running[SANA].needles()?;
        self.running[SANA].kill();
        let all = self.running[SANA].needles()?.sorted();
        let on_disk = search_files(self.people[SANA].home(), &all)?;
        let nothing_on_disk = self.note("sana", "on disk, after being killed", on_disk);
        self.running[SANA] = self.join(SANA)?;
        self.running[SANA].live(2).await?;
        let found = self.running[SANA].search_for(before, &GIVEN_AGAIN)?;
        self.note("sana", "started again, for secrets of before", found)?;
        nothing_on_disk
    }

    async fn end(&mut self) -> anyhow::Result<()> {
        self.running[INES].command("end")?;
        self.running[INES].left().await?;
        self.nothing_left(INES, "1 s after the end").await
    }

    async fn ended(&mut self) -> anyhow::Result<()> {
        self.running[SANA].left().await?;
        self.nothing_left(SANA, "1 s after the end").await
    }

    async fn nothing_left(&mut self, who: usize, when: &'static str) -> anyhow::Result<()> {
        tokio::time::sleep(AFTER).await;
        self.search(who, when)?.nothing()
    }

    fn search(&mut self, who: usize, when: &'static str) -> anyhow::Result<Found> {
        let found = self.running[who].search()?;
        let who = self.people[who].name().to_owned();
        self.searches.push(Search { who, when, found: found.clone() });
        Ok(found)
    }

    /// Writes down a search that must find nothing.
    fn note(&mut self, who: &str, when: &'static str, found: Found) -> anyhow::Result<()> {
        let nothing = found.nothing();
        self.searches.push(Search { who: who.into(), when, found });
        nothing
    }
}

/// Looks through every file in a folder.
fn search_files(folder: &Path, needles: &Sorted) -> anyhow::Result<Found> {
    let mut found = needles.nothing_found();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path)?;
                needles.look(&Region::file(&path, bytes.len()), 0, &bytes, &mut found);
                found.searched_bytes += bytes.len() as u64;
            }
        }
    }
    ensure!(found.searched_bytes > 0, "the profile has no files");
    Ok(found)
}

fn relay(out: &Path) -> anyhow::Result<(Child, String)> {
    let mut command = Command::new(release_binary("standfast-relay"));
    command.args(["--listen", "127.0.0.1:0", "--readable"]);
    let (child, output) = Child::start_reading("relay", &mut command, out)?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let address = line.trim().rsplit('/').next().context("the relay's address")?.to_owned();
    Ok((child, address))
}

/// Ten seconds of a voice that never says the same twice: a tone under noise, swelling. Another
/// `start` is another speech. Said again it begins half a frame later, so it is coded otherwise.
fn say(path: &Path, start: u32) -> anyhow::Result<()> {
    const RATE: u32 = 48_000;
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    let mut noise = start.wrapping_mul(0x9e37_79b9);
    for n in 0..10 * RATE + 479 {
        // Numerical Recipes' generator: enough that no two stretches are alike.
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let sine = |hz: f32| (n as f32 / RATE as f32 * hz * std::f32::consts::TAU).sin();
        let hiss = noise as f32 / u32::MAX as f32 - 0.5;
        let sample = (sine(3.0) * 0.5 + 0.5) * (sine(160.0) * 0.3 + hiss * 0.1);
        writer.write_sample((sample * f32::from(i16::MAX)) as i16)?;
    }
    Ok(writer.finalize()?)
}
