#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| longwire_fuzz::utf8::run(data));
