//! The line with which tor begins a connection.
#![no_main]

use circuit::{CircuitId, ProxyHeader, parse_proxy_header};
use libfuzzer_sys::fuzz_target;

// Not a part of the shop's interface; it needs nothing else of the shop.
#[path = "../../src/interfaces/http/circuit.rs"]
mod circuit;

fuzz_target!(|bytes: &[u8]| {
    let found = parse_proxy_header(bytes);
    match found {
        ProxyHeader::Complete { circuit: CircuitId(id), length } => {
            assert!(length <= 108 && length <= bytes.len());
            let line = &bytes[..length];
            assert!(
                line.starts_with(b"PROXY TCP6 fc00:dead:beef:4dad::") && line.ends_with(b"\r\n")
            );
            assert!(!line[..length - 2].contains(&b'\r'));
            // Written by another hand, it is the same circuit's line.
            let (high, low) = (id >> 16, id & 0xffff);
            let written = format!("PROXY TCP6 fc00:dead:beef:4dad::{high:x}:{low:x} ::1 ");
            assert!(line.starts_with(written.as_bytes()));
            // What follows changes nothing.
            let longer = [bytes, b"GET / HTTP/1.1\r\n\r\n"].concat();
            assert!(parse_proxy_header(&longer) == found && parse_proxy_header(line) == found);
        }
        ProxyHeader::Partial => assert!(bytes.len() < 108),
        ProxyHeader::Absent => assert!(!bytes.starts_with(b"PROXY ")),
        ProxyHeader::Malformed => assert!(bytes.starts_with(b"PROXY ")),
    }
    // Byte by byte it is never anything else before it is known, and stays what it is.
    let mut known = None;
    for end in 0..=bytes.len().min(200) {
        let now = parse_proxy_header(&bytes[..end]);
        match known {
            None if now == ProxyHeader::Partial => {}
            None => known = Some(now),
            Some(before) => assert!(now == before),
        }
    }
    assert!(200 < bytes.len() || known.unwrap_or(ProxyHeader::Partial) == found);
});
