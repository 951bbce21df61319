//! How long a new key takes, beside OpenMLS.

use anyhow::Context as _;
use serde::Serialize;

use crate::clock::Samples;
use crate::mls::Group;
use crate::room::{Room, Rotation};

/// How much of the room's time passes between two rotations: the old epoch is erased meanwhile.
const PAUSE_MS: u64 = 6_000;
/// Shortest interval that the protocol admits, so that renewals come soon.
const ROTATE_MS: u32 = 60_000;

/// One size of meeting.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) members: usize,
    /// `memory`: all engines in one thread around a board in memory. `loopback`: through a relay.
    pub(crate) path: &'static str,
    /// Why the key was changed: `manual`, or `timer` with fresh keys on both sides.
    pub(crate) reason: &'static str,
    pub(crate) rounds: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    /// Posted in one rotation, by everyone together.
    pub(crate) bytes_total: usize,
    pub(crate) posts_total: usize,
    pub(crate) cpu_ms_per_member: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_ms_generator: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) openmls_cpu_ms_per_member: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) openmls_cpu_ms_committer: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) openmls_bytes_total: Option<usize>,
}

#[derive(Default)]
struct Figures {
    wall: Samples,
    cpu: Samples,
    generator: Samples,
    bytes: usize,
    posts: usize,
}

impl Figures {
    fn note(&mut self, rotation: &Rotation) {
        self.wall.push(rotation.wall_ms);
        self.cpu.push(rotation.cpu_ms);
        self.generator.push(rotation.generator_cpu_ms);
        (self.bytes, self.posts) = (rotation.bytes, rotation.posts);
    }

    fn row(&self, members: usize, reason: &'static str) -> Row {
        Row {
            members,
            path: "memory",
            reason,
            rounds: self.wall.len(),
            p50_ms: self.wall.at(50),
            p95_ms: self.wall.at(95),
            bytes_total: self.bytes,
            posts_total: self.posts,
            cpu_ms_per_member: self.cpu.at(50) / members as f64,
            cpu_ms_generator: Some(self.generator.at(50)),
            openmls_cpu_ms_per_member: None,
            openmls_cpu_ms_committer: None,
            openmls_bytes_total: None,
        }
    }
}

/// Rotations of `members` in memory and OpenMLS commits in turns, then renewals.
///
/// # Errors
/// When a meeting or a group does not come to agree.
pub(crate) fn in_memory(
    members: usize,
    rounds: usize,
    renewals: usize,
) -> anyhow::Result<Vec<Row>> {
    let mut room = Room::gather(members, ROTATE_MS)?;
    let mut group = Group::gather(members).context("gathering an OpenMLS group")?;
    let (mut manual, mut mls, mut committer) = Default::default();
    let mut mls_bytes = 0;
    for _ in 0..rounds {
        Figures::note(&mut manual, &room.rotate()?);
        let commit = group.rotate()?;
        Samples::push(&mut mls, commit.cpu_ms);
        Samples::push(&mut committer, commit.committer_cpu_ms);
        mls_bytes = commit.bytes;
        room.pass(PAUSE_MS);
    }
    let mut row = manual.row(members, "manual");
    row.openmls_cpu_ms_per_member = Some(mls.at(50) / members as f64);
    row.openmls_cpu_ms_committer = Some(committer.at(50));
    row.openmls_bytes_total = Some(mls_bytes);
    let mut timer = Figures::default();
    for _ in 0..renewals {
        timer.note(&room.renew()?);
    }
    Ok(vec![row, timer.row(members, "timer")])
}
