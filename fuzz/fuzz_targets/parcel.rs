//! See `fuzz/src/wire.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vigie_fuzz::wire::parcel(bytes));
