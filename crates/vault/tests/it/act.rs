//! What a child process does: open a profile with the real keychain and say how it went.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use standfast_vault::{ProfileName, Vault, VaultOptions};

/// Run by [`crate::desk::Desk`] in a process of its own; does nothing under a plain test run.
#[test]
#[ignore = "run in a child process by the other tests"]
fn act() {
    let Ok(profile) = std::env::var("ACT_PROFILE") else { return };
    let root = PathBuf::from(std::env::var_os("ACT_ROOT").unwrap());
    let timeout = std::env::var("ACT_TIMEOUT_MS").unwrap().parse().unwrap();
    let began = Instant::now();
    let vault = Vault::open(VaultOptions {
        keychain_timeout: Duration::from_millis(timeout),
        ..VaultOptions::for_profile(ProfileName::new(&profile).unwrap())
    })
    .unwrap();
    let opened_ms = ms(began);
    let began = Instant::now();
    let asked = vault.ask(1_760_000_000_000);
    let asked_ms = ms(began);
    let result = asked.and_then(|asking| {
        if std::env::var_os("ACT_STOP").is_some() {
            let stopper = asking.stopper();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                stopper.stop();
            });
        }
        asking.wait()
    });
    let answered_ms = ms(began);
    let mut report = json!({
        "opened_ms": opened_ms, "asked_ms": asked_ms, "answered_ms": answered_ms,
    });
    match result {
        Err(trouble) => report["trouble"] = serde_json::to_value(trouble).unwrap(),
        Ok(opened) => {
            let seed = opened.seed.expose();
            let prekey: Vec<u8> = (0..112).map(|i| seed[i % 32] ^ 0xa5).collect();
            let v = &opened.vault;
            v.put_secret("bundle/01", &prekey, 1).unwrap();
            let leaks = leaks(&root, seed) + leaks(&root, &prekey);
            assert_eq!(v.take_secret("bundle/01").unwrap()[..], prekey);
            assert!(v.take_secret("bundle/01").is_err());
            report["is_new"] = opened.is_new.into();
            report["who"] = hex(&standfast_crypto::hash("test", seed)).into();
            report["leaks"] = leaks.into();
        }
    }
    println!("\nREPORT {report}");
}

fn ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// How often any file below `dir`, the keychain's own included, holds `secret` in five encodings.
pub(crate) fn leaks(dir: &Path, secret: &[u8]) -> usize {
    use base64ct::{Base64, Base64UrlUnpadded, Encoding};
    let forms = [
        secret.to_vec(),
        hex(secret).into_bytes(),
        hex(secret).to_uppercase().into_bytes(),
        Base64::encode_string(secret).into_bytes(),
        Base64UrlUnpadded::encode_string(secret).into_bytes(),
    ];
    let mut found = 0;
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found += leaks(&entry.path(), secret);
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            found += forms.iter().filter(|f| bytes.windows(f.len()).any(|w| w == **f)).count();
        }
    }
    found
}
