//! What the demo found, as a file for machines and as a table for people.

use crate::blind::Blindness;
use serde::Serialize;
use std::fs;
use std::path::Path;

/// One epoch, as the organizer's window showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Epoch {
    /// Its number.
    pub(crate) epoch: u32,
    /// Why it was made.
    pub(crate) reason: String,
    /// How many confirmed it.
    pub(crate) confirmed: usize,
    /// Who was on its roster, by display name.
    pub(crate) roster: Vec<String>,
}

/// Everything that the demo found.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// All epochs, oldest first.
    pub(crate) epochs: Vec<Epoch>,
    /// Both windows showed one meeting code at one epoch, each time it was read.
    pub(crate) codes_equal: bool,
    /// Each window showed the fingerprint that the other has.
    pub(crate) fingerprints_equal: bool,
    /// The second person heard the first, and the other way round.
    pub(crate) two_way_audio: bool,
    /// Audio frames that the first person's app sealed and sent.
    pub(crate) frames_sent: u64,
    /// Audio frames that the second person's app received and opened.
    pub(crate) frames_opened: u64,
    /// Frames missing at the change from one epoch to the next, at the second person's app.
    pub(crate) frames_lost_at_rekey: u64,
    /// From the making of an epoch until all had confirmed: the median over all epochs.
    pub(crate) rekey_ms: Option<f64>,
    /// From the start of the call to the first sound, as the second person's app counts it: it
    /// comes back while the first person speaks.
    pub(crate) join_to_first_audio_ms: Option<f64>,
    /// The same from outside: from the click on the button to the first sound at the speaker,
    /// with everything that the driver of the window takes.
    pub(crate) click_to_sound_ms: Option<f64>,
    /// From the first person's microphone to the second person's ear.
    pub(crate) mouth_to_ear_ms: Option<f64>,
    /// What 95 of 100 seconds of speech did not exceed.
    pub(crate) mouth_to_ear_p95_ms: Option<f64>,
    /// The part of it that the sound server alone takes, measured without the app.
    pub(crate) sound_server_ms: Option<f64>,
    /// How well what was heard can be understood, 0 to 1.
    pub(crate) stoi: Option<f64>,
    /// The search for what the relay must never see.
    pub(crate) blindness: Option<Blindness>,
}

impl Summary {
    /// What keeps the demo from counting as held, in words.
    pub(crate) fn failures(&self) -> Vec<&'static str> {
        [
            (!self.two_way_audio, "no two-way audio"),
            (!self.codes_equal, "the meeting codes differed"),
            (!self.fingerprints_equal, "the fingerprints differed"),
            (
                self.blindness.as_ref().is_some_and(|b| !b.hits.is_empty()),
                "the relay saw something",
            ),
            (
                self.blindness.as_ref().is_some_and(|b| !b.control_found),
                "the search through the relay finds nothing at all",
            ),
        ]
        .into_iter()
        .filter_map(|(failed, words)| failed.then_some(words))
        .collect()
    }

    /// Writes `summary.json`.
    pub(crate) fn write(&self, out: &Path) -> anyhow::Result<()> {
        fs::write(out.join("summary.json"), serde_json::to_string_pretty(self)?)?;
        Ok(())
    }

    /// Prints the same for a person.
    pub(crate) fn print(&self) {
        let yes = |so: bool| if so { "yes" } else { "NO" };
        println!("\nepoch  reason          confirmed  roster");
        for e in &self.epochs {
            println!(
                "{:>5}  {:<14}  {:>9}  {}",
                e.epoch,
                e.reason,
                e.confirmed,
                e.roster.join(", ")
            );
        }
        println!("\nsame meeting code            {}", yes(self.codes_equal));
        println!("same fingerprints            {}", yes(self.fingerprints_equal));
        println!("heard in both directions     {}", yes(self.two_way_audio));
        println!("frames sent / opened         {} / {}", self.frames_sent, self.frames_opened);
        println!("frames lost at a new key     {}", self.frames_lost_at_rekey);
        println!("new key, until all confirmed {}", ms(self.rekey_ms));
        println!(
            "join to first audio          {} (from the click {})",
            ms(self.join_to_first_audio_ms),
            ms(self.click_to_sound_ms)
        );
        println!(
            "mouth to ear                 {}, 95 % within {} (the sound server alone {})",
            ms(self.mouth_to_ear_ms),
            ms(self.mouth_to_ear_p95_ms),
            ms(self.sound_server_ms)
        );
        let stoi = self.stoi.map_or_else(|| "not measured".to_owned(), |stoi| format!("{stoi:.3}"));
        println!("intelligibility (STOI)       {stoi}");
        if let Some(blindness) = &self.blindness {
            println!("the relay saw                {blindness}");
        }
    }
}

fn ms(value: Option<f64>) -> String {
    value.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.1} ms"))
}
