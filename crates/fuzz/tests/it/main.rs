//! The targets without libFuzzer: their seeds, and seeds changed in thousands of ways that are the
//! same every time.

#![allow(clippy::unwrap_used, reason = "tests")]

mod mutate;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mutate::Mutator;
use standfast_fuzz::TARGETS;

/// Changed inputs of each quick target. Targets with a codec, a hub or a meeting behind them take
/// longer and get fewer: together all tests take less than 15 s.
const QUICK: usize = 3_000;
const SLOW: usize = 120;
const ENGINE: usize = 60;
const ENGINES: &[&str] = &["outsider", "member", "generator"];
const SLOW_TARGETS: &[&str] =
    &["media", "hub", "wrap", "prekey", "login", "outsider", "member", "generator", "journal_text"];

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut seeds: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    seeds.sort();
    seeds
}

fn hold(names: impl Fn(&str) -> bool) {
    for (name, target) in TARGETS.iter().filter(|(name, _)| names(name)) {
        let seeds = corpus(name);
        assert!(!seeds.is_empty(), "{name} has no seed");
        seeds.iter().for_each(|(path, seed)| {
            println!("{}", path.display());
            target(seed);
        });
        let rounds = match name {
            name if ENGINES.contains(name) => ENGINE,
            name if SLOW_TARGETS.contains(name) => SLOW,
            _ => QUICK,
        };
        let mut mutator = Mutator::new(0x5eed);
        for round in 0..rounds {
            let input = mutator.changed(&seeds[round % seeds.len()].1, &seeds);
            println!("{name} round {round}");
            target(&input);
        }
    }
}

#[test]
fn decoders_hold_seeds_and_changed_seeds() {
    hold(|name| !SLOW_TARGETS.contains(&name));
}

#[test]
fn the_hub_and_media_hold_seeds_and_changed_seeds() {
    hold(|name| SLOW_TARGETS.contains(&name) && !ENGINES.contains(&name));
}

#[test]
fn the_engine_holds_before_its_signatures() {
    hold(|name| name == "outsider");
}

#[test]
fn the_engine_holds_behind_its_signatures() {
    hold(|name| name == "member" || name == "generator");
}

#[test]
fn every_target_has_a_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let programs: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(programs, targets);
}
