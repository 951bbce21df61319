//! What was checked and how it went.

use std::time::Instant;

/// The checks of one run, in their order.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    passed: usize,
    failed: usize,
}

impl Ledger {
    /// Notes one check that went well or not, and tells which.
    pub(crate) fn note(&mut self, name: &str, begun: Instant, outcome: anyhow::Result<()>) -> bool {
        let ms = begun.elapsed().as_millis();
        match outcome {
            Ok(()) => {
                println!("ok      {name} ({ms} ms)");
                self.passed += 1;
                true
            }
            Err(error) => {
                println!("FAILED  {name} ({ms} ms): {error:#}");
                self.failed += 1;
                false
            }
        }
    }

    /// Notes checks that were never reached. They count as failed.
    pub(crate) fn missed<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            println!("FAILED  {name}: not reached");
            self.failed += 1;
        }
    }

    /// Prints the sums of what was tested.
    ///
    /// # Errors
    /// When anything failed.
    pub(crate) fn finish(&self, what: &str) -> anyhow::Result<()> {
        println!("{what}: {} passed, {} failed", self.passed, self.failed);
        anyhow::ensure!(self.failed == 0, "{} checks of {what} failed", self.failed);
        Ok(())
    }
}
