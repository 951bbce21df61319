//! What lies in the stage's keychain. The stage made it, so it may look.

use crate::session::Session;
use anyhow::ensure;

/// Every secret of ours in the keychain, as bytes.
///
/// # Errors
/// When the keychain does not answer, or holds nothing.
pub(crate) fn secrets(session: &Session) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut search = session.command("secret-tool");
    search.args(["search", "--all", "--unlock", "service", "standfast"]);
    let answer = search.output()?;
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    let secrets: Vec<Vec<u8>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("secret = "))
        .map(|secret| from_base64(secret.trim()))
        .collect();
    ensure!(!secrets.is_empty(), "the keychain holds no key of ours");
    Ok(secrets)
}

/// The bytes behind base64 with the standard alphabet. Whatever is not base64 is left out.
fn from_base64(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.bytes().filter_map(value).collect();
    digits
        .chunks(4)
        .flat_map(|four| {
            let bits =
                four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
            bits.to_be_bytes().into_iter().skip(1).take(four.len() - 1)
        })
        .collect()
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::from_base64;

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9vYmFy", "foobar")] {
            assert_eq!(from_base64(text), bytes.as_bytes());
        }
    }
}
