//! Gives the target `device_text` to libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    standfast_fuzz::run("device_text", bytes);
});
