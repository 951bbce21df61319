//! The desktop shell: one window, its commands, and nothing that decides.
//!
//! Everything a person can do goes to `standfast_desk`; this program only carries it between the
//! web view and that crate.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod args;
mod clipboard;
mod commands;
mod keys;
mod window;

use anyhow::Context as _;
use clap::Parser as _;
use standfast_desk::Desk;
use tauri::RunEvent;

#[global_allocator]
static WIPING: standfast_harden::Wiping = standfast_harden::WIPING;

fn main() -> anyhow::Result<()> {
    standfast_harden::quiet_panics();
    standfast_harden::process().context("protecting this process from being read")?;
    let args = args::Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let desk = Desk::open(args.desk()).context("opening the profile")?;
    let (closing, following) = (desk.clone(), desk.clone());
    tauri::Builder::default()
        .manage(desk)
        .manage(clipboard::Clipboard::default())
        .invoke_handler(tauri::generate_handler![commands::subscribe, commands::dispatch])
        .plugin(tauri_plugin_global_shortcut::Builder::new().build())
        .setup(move |app| {
            window::open(app, &args)?;
            keys::follow(app.handle(), &following);
            Ok(())
        })
        .build(tauri::generate_context!())
        .context("building the app")?
        .run(move |_, event| {
            if let RunEvent::Exit = event {
                closing.close();
            }
        });
    Ok(())
}
