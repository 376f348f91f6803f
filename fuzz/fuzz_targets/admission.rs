//! See `fuzz/src/mesh.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vigie_fuzz::mesh::admission(bytes));
