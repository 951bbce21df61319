//! Gives the target `control_box` to libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standfast_fuzz::run("control_box", bytes);
});
