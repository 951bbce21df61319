//! What libFuzzer says at its end, read and written down.

/// What became of one target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Its name.
    pub(crate) target: String,
    /// Inputs that it ran.
    pub(crate) executions: u64,
    /// Panics, hangs and exhausted memory. libFuzzer stops at the first.
    pub(crate) crashes: u64,
    /// Inputs a second, as libFuzzer counts.
    per_second: u64,
}

impl Outcome {
    /// For a person.
    pub(crate) fn line(&self) -> String {
        let Self { target, executions, crashes, per_second } = self;
        format!("fuzz {target}: {executions} executions, {crashes} crashes, {per_second} a second")
    }
}

/// Reads the statistics that `-print_final_stats=1` asks for. None if they are not all there: a
/// target that did not run is not one that found nothing.
pub(crate) fn read_outcome(target: &str, said: &str, success: bool) -> Option<Outcome> {
    let stat = |name: &str| {
        let prefix = format!("stat::{name}:");
        let value = said.lines().find_map(|line| line.strip_prefix(&prefix))?;
        value.trim().parse::<u64>().ok()
    };
    Some(Outcome {
        target: target.to_owned(),
        executions: stat("number_of_executed_units")?,
        crashes: u64::from(!success),
        per_second: stat("average_exec_per_sec")?,
    })
}

/// `[{"target", "executions", "crashes"}]`. Names of targets are plain letters.
pub(crate) fn to_json(outcomes: &[Outcome]) -> String {
    let row = |o: &Outcome| {
        let Outcome { target, executions, crashes, .. } = o;
        format!("  {{\"target\":\"{target}\",\"executions\":{executions},\"crashes\":{crashes}}}")
    };
    let rows: Vec<String> = outcomes.iter().map(row).collect();
    format!("[\n{}\n]\n", rows.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
#2097152 DONE cov: 87 ft: 150 corp: 30/1k exec/s: 699050 rss: 40Mb
Done 2097152 runs in 3 second(s)
stat::number_of_executed_units: 2097152
stat::average_exec_per_sec:     699050
stat::new_units_added:          12
";

    #[test]
    fn the_numbers_of_a_run_are_read() {
        let outcome = read_outcome("link", SAID, true).unwrap();
        assert_eq!((outcome.executions, outcome.crashes), (2_097_152, 0));
        assert_eq!(read_outcome("link", SAID, false).unwrap().crashes, 1);
        let json = to_json(&[outcome]);
        assert_eq!(json, "[\n  {\"target\":\"link\",\"executions\":2097152,\"crashes\":0}\n]\n");
    }

    #[test]
    fn a_target_that_did_not_run_has_no_outcome() {
        assert_eq!(read_outcome("link", "error: no such file", false), None);
    }
}
