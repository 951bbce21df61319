//! Messages with names, in files: what is read, and what is refused.
#![expect(clippy::unwrap_used, reason = "tests stop where they fail")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use standfast_wire::codec::{Field, Malformed, from_bytes};
use standfast_wire::control::{EpochAnnounce, Heartbeat, JoinRequest};

/// A message of `hostile/`: comments, `key: value` lines, an empty line, hexadecimal digits.
struct File {
    kind: String,
    verdict: String,
    body: Vec<u8>,
}

fn parse(text: &str) -> File {
    let (head, digits) = text.split_once("\n\n").unwrap();
    let fields: BTreeMap<_, _> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let digits: Vec<char> = digits.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    let body = digits.chunks(2).map(byte).collect();
    File { kind: fields["kind"].to_owned(), verdict: fields["verdict"].to_owned(), body }
}

fn read<T: Field>(body: &[u8]) -> Result<(), Malformed> {
    from_bytes::<T>(body).map(drop)
}

#[test]
fn messages_in_files_are_read_or_refused_as_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/hostile");
    let mut met = BTreeMap::<String, usize>::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = parse(&fs::read_to_string(&path).unwrap());
        let verdict = match file.kind.as_str() {
            "announce" => read::<EpochAnnounce>(&file.body),
            "heartbeat" => read::<Heartbeat>(&file.body),
            "join" => read::<JoinRequest>(&file.body),
            other => panic!("{other}: no such kind"),
        };
        let verdict = verdict.map_or("malformed", |()| "read");
        assert_eq!(verdict, file.verdict, "{}", path.display());
        *met.entry(file.verdict).or_default() += 1;
    }
    assert!(met["read"] >= 3 && met["malformed"] >= 20, "{met:?}");
}
