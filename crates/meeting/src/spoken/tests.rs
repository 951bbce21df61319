use standfast_crypto::{Enc, kdf};

use super::*;

struct Seeded(u64);

impl Entropy for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        self.0 += 1;
        let block = kdf::<64>(b"", &self.0.to_be_bytes(), Enc::new("test"));
        out.copy_from_slice(&block.expose()[..out.len()]);
    }
}

const H_E: Hash = [5; 32];

fn fp(n: u8) -> Fingerprint {
    Fingerprint([n; 32])
}

fn table(members: u8) -> Table {
    let holders = (0..members).map(|n| (u16::from(n) * 3, fp(n))).collect();
    Table { h_e: H_E, holders, confirmed: true }
}

/// Devices that hear each other; every letter is on the board.
struct Circle {
    devices: Vec<(Fingerprint, Spoken, Seeded)>,
    table: Table,
    board: Vec<(Fingerprint, Say)>,
    ended: Vec<(Fingerprint, Spoke)>,
    now_ms: u64,
}

impl Circle {
    fn new(members: u8) -> Self {
        let device = |n: u8| (fp(n), Spoken::default(), Seeded(u64::from(n) * 1_000));
        Self {
            devices: (0..members).map(device).collect(),
            table: table(members),
            board: Vec::new(),
            ended: Vec::new(),
            now_ms: 0,
        }
    }

    /// One of the members is nobody's device but the test's.
    fn without_device(members: u8, gone: u8) -> Self {
        let mut circle = Self::new(members);
        circle.devices.retain(|(of, ..)| *of != fp(gone));
        circle
    }

    fn start(&mut self, n: u8) {
        let table = self.table.clone();
        let (me, spoken, entropy) = self.devices.iter_mut().find(|(of, ..)| *of == fp(n)).unwrap();
        let (me, says) = (*me, spoken.start(*me, &table, entropy, self.now_ms).unwrap());
        self.post(me, says);
    }

    fn post(&mut self, from: Fingerprint, says: Vec<Say>) {
        for say in says {
            match say {
                Say::Ended { how, .. } => self.ended.push((from, how)),
                say => self.board.push((from, say)),
            }
        }
    }

    /// Gives everything that is posted to everyone, from the letter `at` on. Gives what was
    /// refused.
    fn run(&mut self, mut at: usize) -> Vec<Refusal> {
        let mut refused = Vec::new();
        while let Some((from, say)) = self.board.get(at).cloned() {
            at += 1;
            refused.extend(self.give(from, &say));
        }
        refused
    }

    /// Gives one letter to everyone else.
    fn give(&mut self, from: Fingerprint, say: &Say) -> Vec<Refusal> {
        let (table, now_ms, mut refused) = (self.table.clone(), self.now_ms, Vec::new());
        for i in 0..self.devices.len() {
            let (me, spoken, entropy) = &mut self.devices[i];
            let me = *me;
            let done = match say {
                _ if me == from => continue,
                Say::Commit(said) => spoken.commit((me, from), &table, said, entropy, now_ms),
                Say::Reveal(said) => spoken.reveal((me, from), &table, said, now_ms),
                Say::Ended { .. } => continue,
            };
            match done {
                Ok(says) => self.post(me, says),
                Err(refusal) => refused.push(refusal),
            }
        }
        refused
    }

    fn turn(&mut self) {
        let (table, now_ms) = (self.table.clone(), self.now_ms);
        for i in 0..self.devices.len() {
            let (me, spoken, _) = &mut self.devices[i];
            let (me, says) = (*me, spoken.turn(*me, &table, now_ms));
            self.post(me, says);
        }
    }

    fn progress(&self) -> Vec<Progress> {
        self.devices.iter().map(|(_, spoken, _)| spoken.progress(&self.table)).collect()
    }

    /// The one code of all, if everyone has one.
    fn code(&self) -> Option<[&'static str; 3]> {
        let progress = self.progress();
        let one = progress.windows(2).all(|w| w[0] == w[1]);
        match progress[0] {
            Progress::Code(words) if one => Some(words),
            _ => None,
        }
    }

    fn commit_of(&self, n: u8) -> SasCommit {
        let mut commits = self.board.iter().filter_map(|(from, say)| match say {
            Say::Commit(commit) if *from == fp(n) => Some(commit.clone()),
            _ => None,
        });
        commits.next_back().unwrap()
    }

    fn reveals(&self) -> usize {
        self.board.iter().filter(|(_, say)| matches!(say, Say::Reveal(_))).count()
    }
}

#[test]
fn everyone_shows_the_same_three_words() {
    let mut circle = Circle::new(4);
    circle.start(2);
    assert!(circle.run(0).is_empty());
    let first = circle.code().unwrap();
    assert_eq!(circle.board.len(), 8, "a commitment and a value each");
    assert_eq!(circle.ended.len(), 4);
    // Another run, another code.
    circle.start(0);
    assert!(circle.run(8).is_empty());
    assert_ne!(circle.code().unwrap(), first);
}

#[test]
fn alone_there_is_a_code_too() {
    let mut circle = Circle::new(1);
    circle.start(0);
    assert!(circle.code().is_some());
}

/// In a split that nobody shows, each side sees another history.
#[test]
fn two_histories_have_two_codes() {
    let (mut a, mut b) = (Circle::new(3), Circle::new(3));
    b.table.h_e = [6; 32];
    for circle in [&mut a, &mut b] {
        circle.start(0);
        circle.run(0);
    }
    assert!(a.code().is_some() && b.code().is_some());
    assert_ne!(a.code(), b.code());
}

/// Mallory waits for everyone's commitments, and wants to see everyone's values too.
#[test]
fn who_commits_last_has_seen_no_value() {
    let mut circle = Circle::without_device(3, 2);
    circle.start(0);
    circle.run(0);
    assert_eq!(circle.reveals(), 0, "nobody shows anything before everyone is bound");
    let run_id = circle.commit_of(0).run_id;
    // She finds a share that would give her any code if only she knew theirs, and commits.
    let share = SpokenShare::shown(&[1; 32]);
    let commitment = share.commitment(fp(2), &run_id);
    let at = circle.board.len();
    circle.board.push((fp(2), Say::Commit(SasCommit { h_e: H_E, run_id, commitment })));
    assert!(circle.run(at).is_empty());
    assert_eq!(circle.reveals(), 2);
    // Now she knows them, and picks another value, whose code suits her.
    let ground = SasReveal { h_e: H_E, run_id, sas_r: [2; 32] };
    assert!(circle.give(fp(2), &Say::Reveal(ground)).is_empty());
    assert_eq!(circle.progress(), [Progress::Failed; 2]);
    assert_eq!(circle.ended, [(fp(0), Spoke::Cheated), (fp(1), Spoke::Cheated)]);
    // The honest one comes too late: the run is over.
    let honest = SasReveal { h_e: H_E, run_id, sas_r: [1; 32] };
    assert_eq!(circle.give(fp(2), &Say::Reveal(honest)), [Refusal::Stale; 2]);
    assert_eq!(circle.progress(), [Progress::Failed; 2]);
}

#[test]
fn who_commits_twice_ends_the_run() {
    let mut circle = Circle::without_device(3, 2);
    circle.start(0);
    circle.run(0);
    let run_id = circle.commit_of(0).run_id;
    let commit = |n: u8| Say::Commit(SasCommit { h_e: H_E, run_id, commitment: [n; 32] });
    assert!(circle.give(fp(2), &commit(1)).is_empty());
    assert!(circle.give(fp(2), &commit(1)).is_empty(), "the same again is only posted again");
    circle.give(fp(2), &commit(2));
    assert_eq!(circle.progress(), [Progress::Failed; 2]);
}

#[test]
fn a_value_before_its_commitment_counts_for_nothing() {
    let mut circle = Circle::without_device(3, 2);
    circle.start(0);
    circle.run(0);
    let run_id = circle.commit_of(0).run_id;
    let early = Say::Reveal(SasReveal { h_e: H_E, run_id, sas_r: [1; 32] });
    assert_eq!(circle.give(fp(2), &early), [Refusal::Missing; 2]);
    assert_eq!(circle.reveals(), 0);
    let commitment = SpokenShare::shown(&[1; 32]).commitment(fp(2), &run_id);
    let at = circle.board.len();
    circle.board.push((fp(2), Say::Commit(SasCommit { h_e: H_E, run_id, commitment })));
    circle.run(at);
    assert_eq!(circle.code(), None, "it has to be shown again");
    circle.give(fp(2), &early);
    assert!(circle.code().is_some());
}

#[test]
fn a_run_without_somebodys_answer_ends() {
    let mut circle = Circle::without_device(3, 2);
    circle.start(0);
    circle.run(0);
    circle.now_ms = SPOKEN_MS - 1;
    circle.turn();
    assert_eq!(circle.progress(), [Progress::Running { have: 2, of: 3 }; 2]);
    circle.now_ms = SPOKEN_MS;
    circle.turn();
    assert_eq!(circle.progress(), [Progress::Failed; 2]);
    assert_eq!(circle.ended, [(fp(0), Spoke::Missing), (fp(1), Spoke::Missing)]);
    // A commitment that comes now starts nothing by itself: the run is known.
    let run_id = circle.commit_of(0).run_id;
    let late = Say::Commit(SasCommit { h_e: H_E, run_id, commitment: [1; 32] });
    assert_eq!(circle.give(fp(2), &late), [Refusal::Stale; 2]);
}

#[test]
fn a_value_that_is_withheld_ends_the_run_and_the_values_are_gone() {
    let mut circle = Circle::without_device(3, 2);
    circle.start(0);
    circle.run(0);
    let run_id = circle.commit_of(0).run_id;
    let at = circle.board.len();
    circle.now_ms = 9_000;
    circle.board.push((fp(2), Say::Commit(SasCommit { h_e: H_E, run_id, commitment: [1; 32] })));
    circle.run(at);
    assert_eq!(circle.reveals(), 2);
    circle.now_ms += SPOKEN_MS;
    circle.turn();
    assert_eq!(circle.progress(), [Progress::Failed; 2]);
    // In the next run everyone has another share: the last one's letters fit it nowhere.
    let first: Vec<Hash> = [0, 1].map(|n| circle.commit_of(n).commitment).to_vec();
    let board = circle.board.clone();
    circle.start(0);
    circle.run(board.len());
    assert!(first.iter().all(|c| ![0, 1].map(|n| circle.commit_of(n).commitment).contains(c)));
    for (from, say) in &board {
        let refused = circle.give(*from, say);
        assert!(!refused.is_empty() && refused.iter().all(|r| *r == Refusal::Stale));
    }
    assert_eq!(circle.progress(), [Progress::Running { have: 2, of: 3 }; 2]);
}

#[test]
fn a_new_epoch_ends_the_run() {
    let mut circle = Circle::without_device(3, 2);
    circle.start(0);
    circle.run(0);
    let board = circle.board.clone();
    circle.table.h_e = [6; 32];
    circle.turn();
    assert_eq!(circle.progress(), [Progress::Failed; 2]);
    assert_eq!(circle.ended, [(fp(0), Spoke::Rotated), (fp(1), Spoke::Rotated)]);
    for (from, say) in &board {
        assert_eq!(circle.give(*from, say), [Refusal::Stale], "posted again");
    }
}

#[test]
fn runs_that_cross_become_one() {
    for (a, b) in [(0, 1), (1, 0), (0, 2), (2, 1)] {
        let mut circle = Circle::new(3);
        circle.start(a);
        circle.start(b);
        circle.run(0);
        assert!(circle.code().is_some(), "{a} and {b}");
        let replaced = circle.ended.iter().filter(|(_, how)| *how == Spoke::Replaced).count();
        assert!((1..=2).contains(&replaced), "{replaced}");
    }
}

/// Ever smaller runs put nothing off.
#[test]
fn replaced_runs_end_in_time() {
    let mut circle = Circle::without_device(3, 1);
    circle.devices.truncate(1);
    circle.start(0);
    circle.run(0);
    for n in (0..40).rev() {
        circle.now_ms += 300;
        circle.turn();
        if circle.progress() == [Progress::Failed] {
            break;
        }
        let commit = SasCommit { h_e: H_E, run_id: [n; 16], commitment: [n; 32] };
        circle.give(fp(1), &Say::Commit(commit));
    }
    assert!(circle.ended.len() > 5, "replaced again and again");
    assert_eq!(circle.ended.last(), Some(&(fp(0), Spoke::Missing)));
    assert!(circle.now_ms < SPOKEN_MS + 300);
}

/// A member that starts runs all the time is heard so often in one epoch, and no more.
#[test]
fn runs_of_one_epoch_are_bounded() {
    let mut circle = Circle::without_device(2, 1);
    for n in 0..200u8 {
        let commit = SasCommit { h_e: H_E, run_id: [n; 16], commitment: [1; 32] };
        circle.give(fp(1), &Say::Commit(commit));
        circle.now_ms += 2 * SPOKEN_MS;
        circle.turn();
    }
    assert_eq!(circle.board.iter().filter(|(_, s)| matches!(s, Say::Commit(_))).count(), RUNS_MAX);
}

#[test]
fn nobody_commits_before_everyone_holds_the_epoch() {
    let mut circle = Circle::new(2);
    circle.table.confirmed = false;
    circle.start(0);
    assert!(circle.board.is_empty());
    circle.now_ms = 5_000;
    circle.table.confirmed = true;
    circle.turn();
    circle.run(0);
    assert!(circle.code().is_some());
    circle.table.confirmed = false;
    circle.start(0);
    circle.now_ms += SPOKEN_MS;
    circle.turn();
    assert_eq!(circle.ended.last(), Some(&(fp(0), Spoke::TooEarly)));
}

#[test]
fn who_is_not_on_the_roster_takes_no_part() {
    let mut circle = Circle::new(3);
    let commit = SasCommit { h_e: H_E, run_id: [1; 16], commitment: [1; 32] };
    assert_eq!(circle.give(fp(9), &Say::Commit(commit)), [Refusal::NotAllowed; 3]);
    circle.start(0);
    circle.run(0);
    let run_id = circle.commit_of(0).run_id;
    let reveal = Say::Reveal(SasReveal { h_e: H_E, run_id, sas_r: [1; 32] });
    assert_eq!(circle.give(fp(9), &reveal), [Refusal::NotAllowed; 3]);
    let many = Table { holders: (0..40).map(|n| (n, fp(n as u8))).collect(), ..table(1) };
    let mut spoken = Spoken::default();
    assert_eq!(spoken.start(fp(0), &many, &mut Seeded(1), 0), Err(Refusal::Unsupported));
}

#[test]
fn a_code_goes_when_the_roster_changes_and_stays_when_only_the_key_does() {
    let mut circle = Circle::new(3);
    circle.start(0);
    circle.run(0);
    circle.table.h_e = [6; 32];
    circle.turn();
    assert!(circle.code().is_some());
    circle.table.holders.push((99, fp(9)));
    circle.turn();
    assert_eq!(circle.progress(), [Progress::Idle; 3]);
}
