//! Registers the app's own commands with Tauri's access control, so that a window may call
//! only what its capability file names.

fn main() {
    // The window's content becomes part of the program.
    println!("cargo:rerun-if-changed=../ui/dist");
    let manifest = tauri_build::AppManifest::new().commands(&["subscribe", "dispatch"]);
    let attributes = tauri_build::Attributes::new().app_manifest(manifest);
    if let Err(error) = tauri_build::try_build(attributes) {
        eprintln!("tauri-build: {error:#}");
        std::process::exit(1);
    }
}
