//! Somebody to speak: a paragraph, said by a machine.

use crate::child::Child;
use crate::session::Session;
use std::path::Path;
use std::time::Duration;

/// What the first person says.
pub(crate) const REPORT: &str = "Good morning. Yesterday I finished the harbour map and sent it \
    to the printer. Today I will check the tide tables with the team, and then write the second \
    chapter. Nothing blocks me, but I could use a quiet hour in the afternoon.";

/// What the second person answers.
pub(crate) const ANSWER: &str = "Thank you. I repaired the north light, and the new lamp works \
    well. Today I will paint the door. The weather should hold until the evening.";

/// What somebody says again and again, or only to be noticed.
pub(crate) const BRIEFLY: &str = "The harbour is open, and all three of us are here again.";

/// Writes a WAV in which a voice says a text.
///
/// # Errors
/// When the voice cannot be started.
pub(crate) async fn say(session: &Session, text: &str, wav: &Path) -> anyhow::Result<()> {
    let mut command = session.command("espeak-ng");
    command.args(["-v", "en-gb", "-s", "150", "-w"]).arg(wav).arg(text);
    Child::start("voice", &mut command, session.logs())?.finish(Duration::from_secs(30)).await
}
