//! Counting what passed and what failed, over every kind of check.

use anyhow::Context as _;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Checks and tests, counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    broken: Vec<String>,
}

impl Tally {
    /// Runs one check that passes or fails as a whole, and tells which.
    pub(crate) fn check(&mut self, name: &str, check: impl FnOnce() -> anyhow::Result<()>) -> bool {
        println!("\n== {name}");
        let begun = Instant::now();
        let outcome = check();
        println!("== {name}: {} s", begun.elapsed().as_secs());
        match outcome {
            Ok(()) => {
                self.passed += 1;
                true
            }
            Err(error) => {
                self.fail(format!("{name}: {error:#}"));
                false
            }
        }
    }

    /// Runs a program that prints test results, and adds each of them.
    ///
    /// A program that fails without naming a failed test (it did not compile, it crashed) counts
    /// as one failure.
    pub(crate) fn tests(&mut self, name: &str, command: &mut Command) {
        println!("\n== {name}");
        let begun = Instant::now();
        let outcome = run_counting(command);
        println!("== {name}: {} s", begun.elapsed().as_secs());
        match outcome {
            Ok(counts) => {
                self.passed += counts.passed;
                self.failed += counts.failed;
                if counts.failed > 0 {
                    self.broken.push(format!("{name}: {} tests failed", counts.failed));
                } else if !counts.success {
                    self.fail(format!("{name}: did not run to its end"));
                } else if counts.passed == 0 {
                    self.fail(format!("{name}: no test ran"));
                }
            }
            Err(error) => self.fail(format!("{name}: {error:#}")),
        }
    }

    /// Prints what failed and, as the last line, the two sums.
    ///
    /// # Errors
    /// When anything failed.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        for line in &self.broken {
            println!("failed: {line}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed > 0 {
            // The sums are the last line: no error text after them.
            std::process::exit(1);
        }
        Ok(())
    }

    fn fail(&mut self, line: String) {
        println!("FAILED {line}");
        self.failed += 1;
        self.broken.push(line);
    }
}

/// What one program reported.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    success: bool,
}

fn run_counting(command: &mut Command) -> anyhow::Result<Counts> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("starting it")?;
    let output = child.stdout.take().context("reading its output")?;
    let complaints = child.stderr.take().context("reading its complaints")?;
    let complaints = std::thread::spawn(move || pass_on(BufReader::new(complaints)));
    let mut counts = Counts::default();
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        if let Some((passed, failed)) = summary(&line) {
            counts.passed += passed;
            counts.failed += failed;
        }
    }
    counts.success = child.wait()?.success();
    complaints.join().map_err(|_panic| anyhow::anyhow!("reading its complaints"))??;
    Ok(counts)
}

/// Shows what a program complains of, without what libasound prints on a machine that has no sound
/// card: those lines are so many that a failed test is not found among them.
fn pass_on(complaints: impl BufRead) -> std::io::Result<()> {
    for line in complaints.lines() {
        let line = line?;
        if !line.starts_with("ALSA lib ") {
            eprintln!("{line}");
        }
    }
    Ok(())
}

/// Reads the summary line of cargo's test harness, of Vitest, and of our own stage.
fn summary(line: &str) -> Option<(u64, u64)> {
    let line = plain(line);
    let line = line.trim();
    let is_summary = line.starts_with("test result:")
        || line.starts_with("Tests ")
        || line.starts_with("end-to-end:")
        || line.starts_with("erasure:");
    is_summary.then(|| (before(line, "passed"), before(line, "failed")))
}

/// The number that stands before a word; 0 when the word is not there.
fn before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> =
        line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

/// A line without the colours of a terminal.
fn plain(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn every_kind_of_summary_is_read() {
        let cargo = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured";
        assert_eq!(summary(cargo), Some((12, 3)));
        let vitest = "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[31m1 failed\u{1b}[39m | \u{1b}[32m41 passed\u{1b}[39m (42)";
        assert_eq!(summary(vitest), Some((41, 1)));
        assert_eq!(summary("end-to-end: 7 passed, 0 failed"), Some((7, 0)));
        assert_eq!(summary("erasure: 11 passed, 1 failed"), Some((11, 1)));
        assert_eq!(summary("test tests::it_passed ... ok"), None);
    }
}
