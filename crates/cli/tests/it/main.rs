//! The `standfast` command as it is run.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

/// Exported once; what is exported later must not make it worthless.
const WHOLE: &str = include_str!("journal.json");

/// What `standfast journal verify` says of a file, and its exit code.
fn verify(text: &str) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.json");
    std::fs::write(&file, text).unwrap();
    run(&file)
}

fn run(file: &Path) -> (String, Option<i32>) {
    let out = Command::new(env!("CARGO_BIN_EXE_standfast"))
        .args(["journal", "verify"])
        .arg(file)
        .output()
        .unwrap();
    (String::from_utf8(out.stdout).unwrap(), out.status.code())
}

#[test]
fn a_whole_journal_is_called_complete() {
    let (said, code) = verify(WHOLE);
    let entries = WHOLE.matches("\"coded\"").count();
    let words =
        said.trim_end().strip_prefix(&format!("Chain complete, {entries} entries, signed by "));
    assert_eq!(words.unwrap().split(' ').count(), 12, "{said}");
    assert_eq!(code, Some(0));
}

#[test]
fn a_changed_journal_is_called_broken_where_it_was_changed() {
    let changed = WHOLE.replacen("\"reason\": \"manual\"", "\"reason\": \"timer\"", 1);
    assert_ne!(changed, WHOLE);
    let at = WHOLE.split("\"reason\": \"manual\"").next().unwrap().matches("\"coded\"").count() - 1;
    assert_eq!(verify(&changed), (format!("Chain broken at entry {at}\n"), Some(1)));
    let resigned = WHOLE.replacen("\"signature\": \"", "\"signature\": \"00", 1);
    assert_eq!(verify(&resigned).1, Some(1));
    assert_eq!(verify("{}"), ("This is not a journal\n".into(), Some(1)));
}

#[test]
fn a_file_that_is_not_there_is_no_success() {
    assert_ne!(run(Path::new("there/is/no/such/file")).1, Some(0));
}
