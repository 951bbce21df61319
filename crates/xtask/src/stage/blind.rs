//! Whether the relay could learn anything: a search through its memory, its logs and everything
//! that crossed the network, for what it must never see.

use anyhow::Context as _;
use serde::Serialize;
use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Something that must not be found, in one of its encodings.
#[derive(Debug, Clone)]
struct Needle {
    what: String,
    encoding: &'static str,
    bytes: Vec<u8>,
}

/// What to look for.
#[derive(Debug, Default)]
pub(crate) struct Needles(Vec<Needle>);

/// Where something was found.
#[derive(Debug, Serialize)]
pub(crate) struct Hit {
    /// What it is.
    pub(crate) what: String,
    /// How it was written.
    pub(crate) encoding: &'static str,
    /// Memory, log or network.
    pub(crate) place: &'static str,
}

/// The outcome of one search.
#[derive(Debug, Serialize)]
pub(crate) struct Blindness {
    /// Byte runs looked for, encodings counted apart.
    pub(crate) needles: usize,
    /// Bytes of the relay's memory that were searched.
    pub(crate) memory_bytes: u64,
    /// Bytes of its log.
    pub(crate) log_bytes: u64,
    /// Bytes of the network's streams.
    pub(crate) network_bytes: u64,
    /// The search finds what is there: the relay's own ready line or the login's words.
    pub(crate) control_found: bool,
    /// What was found.
    pub(crate) hits: Vec<Hit>,
}

impl fmt::Display for Blindness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} byte runs, in {} KB of memory, {} B of log, {} KB of network",
            self.hits.len(),
            self.needles,
            self.memory_bytes / 1_000,
            self.log_bytes,
            self.network_bytes / 1_000,
        )
    }
}

/// The shortest needle. Shorter ones are found by chance.
const NEEDLE_BYTES_MIN: usize = 8;

impl Needles {
    /// Adds something that is text or bytes, in four encodings.
    pub(crate) fn add(&mut self, what: &str, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let utf16: Vec<u8> = bytes.iter().flat_map(|byte| [*byte, 0]).collect();
        let encodings = [
            ("raw", bytes.to_vec()),
            ("hex", hex.into_bytes()),
            ("base64", base64(bytes)),
            ("utf16", utf16),
        ];
        for (encoding, bytes) in encodings {
            if bytes.len() >= NEEDLE_BYTES_MIN {
                self.0.push(Needle { what: what.to_owned(), encoding, bytes });
            }
        }
    }

    /// Adds runs of sound from its loud parts, as 16-bit and as floating-point samples.
    pub(crate) fn add_sound(&mut self, what: &str, samples: &[f32]) {
        const RUN: usize = 16;
        let loud = |run: &&[f32]| run.iter().all(|sample| sample.abs() > 0.02);
        let runs: Vec<&[f32]> = samples.chunks_exact(RUN).filter(loud).collect();
        for run in runs.iter().step_by((runs.len() / 16).max(1)) {
            #[expect(clippy::cast_possible_truncation, reason = "16-bit samples")]
            let short: Vec<u8> =
                run.iter().flat_map(|s| ((s * 32_768.0) as i16).to_le_bytes()).collect();
            let float: Vec<u8> = run.iter().flat_map(|s| s.to_le_bytes()).collect();
            self.0.push(Needle { what: what.to_owned(), encoding: "s16", bytes: short });
            self.0.push(Needle { what: what.to_owned(), encoding: "f32", bytes: float });
        }
    }

    /// Searches the memory of a process, its log, and the network's streams.
    ///
    /// # Errors
    /// When the memory of the process cannot be read.
    pub(crate) fn search(
        &self,
        process: u32,
        log: &Path,
        network: &[Vec<u8>],
    ) -> anyhow::Result<Blindness> {
        let log = fs::read(log).context("the relay's log")?;
        let mut found = Blindness {
            needles: self.0.len(),
            memory_bytes: 0,
            log_bytes: log.len() as u64,
            network_bytes: network.iter().map(|stream| stream.len() as u64).sum(),
            control_found: false,
            hits: Vec::new(),
        };
        self.look("log", &log, &mut found.hits);
        for stream in network {
            self.look("network", stream, &mut found.hits);
        }
        let mut in_memory = false;
        for_each_region(process, |region| {
            found.memory_bytes += region.len() as u64;
            in_memory |= contains(region, b"standfast-relay");
            self.look("memory", region, &mut found.hits);
        })?;
        let upgraded = network.iter().any(|stream| contains(stream, b"Sec-WebSocket-"));
        found.control_found = in_memory && upgraded;
        Ok(found)
    }

    fn look(&self, place: &'static str, bytes: &[u8], hits: &mut Vec<Hit>) {
        for needle in self.0.iter().filter(|needle| contains(bytes, &needle.bytes)) {
            hits.push(Hit { what: needle.what.clone(), encoding: needle.encoding, place });
        }
    }
}

/// Hands every readable, writable region of a process's memory to `look`.
fn for_each_region(process: u32, mut look: impl FnMut(&[u8])) -> anyhow::Result<()> {
    let mut maps = String::new();
    File::open(format!("/proc/{process}/maps"))?.read_to_string(&mut maps)?;
    let memory =
        File::open(format!("/proc/{process}/mem")).context("reading the relay's memory")?;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let Some((start, end)) = line.split(' ').next().and_then(|range| range.split_once('-'))
        else {
            continue;
        };
        let (start, end) = (u64::from_str_radix(start, 16)?, u64::from_str_radix(end, 16)?);
        let mut region = vec![0; usize::try_from(end - start)?];
        // Some regions are reserved and hold nothing.
        if memory.read_exact_at(&mut region, start).is_ok() {
            look(&region);
        }
    }
    Ok(())
}

/// Whether a run of bytes is part of another.
fn contains(bytes: &[u8], run: &[u8]) -> bool {
    let Some((first, rest)) = run.split_first() else { return false };
    let mut from = bytes;
    while let Some(at) = from.iter().position(|byte| byte == first) {
        from = &from[at + 1..];
        if from.starts_with(rest) {
            return true;
        }
    }
    false
}

/// Base64 without padding, of whole groups only: what is left over depends on what follows.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks_exact(3)
        .flat_map(|three| {
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            [18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift & 63) as usize])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_in_every_encoding() {
        let mut needles = Needles::default();
        needles.add("a name", b"Thistledown");
        for hay in [&b"xxThistledownxx"[..], b"..54686973746c65646f776e..", b"VGhpc3RsZWRv"] {
            let mut hits = Vec::new();
            needles.look("log", hay, &mut hits);
            assert_eq!(hits.len(), 1, "{hay:?}");
        }
        let mut hits = Vec::new();
        needles.look("log", b"Thistledow, Thistledown is not here", &mut hits);
        assert_eq!(hits.len(), 1);
        needles.look("log", b"nothing", &mut hits);
        assert_eq!(hits.len(), 1);
    }

    #[test]
    fn our_own_memory_can_be_searched() {
        let canary = std::hint::black_box(format!("canary-{}", std::process::id()));
        let mut needles = Needles::default();
        needles.add("canary", canary.as_bytes());
        let log = tempfile::NamedTempFile::new().unwrap();
        let found = needles.search(std::process::id(), log.path(), &[]).unwrap();
        assert!(found.hits.iter().any(|hit| hit.place == "memory" && hit.encoding == "raw"));
    }
}
