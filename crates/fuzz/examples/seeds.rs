//! Writes the seeds that are made, not written by hand: `cargo run -p standfast-fuzz --example
//! seeds`. Running it again changes nothing, for nothing in it is random.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, name, bytes) in standfast_fuzz::seeds() {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
