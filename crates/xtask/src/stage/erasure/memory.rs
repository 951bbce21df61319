//! What lies in the memory of another process.

use anyhow::Context as _;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Read at once.
const PIECE: usize = 1 << 20;
/// Read again with the next piece: a run may lie across the end of one.
const OVERLAP: usize = 64;

/// One region, as `proc_pid_maps(5)` tells of it, or a file.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) start: u64,
    end: u64,
    name: String,
}

impl Region {
    /// A file, searched like memory.
    pub(crate) fn file(path: &Path, len: usize) -> Self {
        Self { start: 0, end: len as u64, name: path.display().to_string() }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} bytes {}", self.end - self.start, self.name)
    }
}

/// Hands every piece of a process's memory to `look`, with its region and its address. Gives how
/// many bytes were read.
///
/// # Errors
/// When the memory cannot be read at all.
pub(crate) fn read(process: u32, mut look: impl FnMut(&Region, u64, &[u8])) -> anyhow::Result<u64> {
    let memory = File::open(format!("/proc/{process}/mem")).context("opening its memory")?;
    let mut piece = vec![0; PIECE];
    let mut all = 0;
    for region in regions(process)? {
        let mut at = region.start;
        while at < region.end {
            let len = PIECE.min((region.end - at) as usize);
            // Some regions are reserved, and hold nothing that could be read.
            let Ok(read) = memory.read_at(&mut piece[..len], at) else { break };
            if read == 0 {
                break;
            }
            look(&region, at, &piece[..read]);
            all += read as u64;
            at += if read == PIECE { read - OVERLAP } else { read } as u64;
        }
    }
    anyhow::ensure!(all > 0, "nothing could be read");
    Ok(all)
}

/// Every region that can be read and may hold something of the process's own.
fn regions(process: u32) -> anyhow::Result<Vec<Region>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).context("its regions")?;
    let region = |line: &str| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let rights = words.next()?;
        let from_file = words.nth(2)? != "0";
        let name = words.next().unwrap_or("of heap or stack").to_owned();
        let number = |text| u64::from_str_radix(text, 16).ok();
        let region = Region { start: number(start)?, end: number(end)?, name };
        // What cannot be written and comes from a file is that file.
        let own = rights.starts_with("rw") || (rights.starts_with('r') && !from_file);
        (own && !region.name.starts_with("/dev")).then_some(region)
    };
    Ok(maps.lines().filter_map(region).collect())
}
