//! Parses the line in which Tor names the circuit of a connection.

/// The number that Tor gives to the circuit of a connection. It identifies nobody: it only shows that two connections
/// use the same circuit, and a visitor can change circuits at will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CircuitId(pub u32);

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// They may still become a line from Tor.
    Partial,
    /// Not a line from Tor: the visitor's request starts at the first byte.
    Absent,
    /// Tor's line; `length` includes the line ending.
    Complete { circuit: CircuitId, length: usize },
    /// It begins like Tor's line but is not valid.
    Malformed,
}

const BEGIN: &[u8] = b"PROXY ";
/// Units: bytes. Source: the PROXY protocol's specification, version 1: a line is at most 107 bytes, plus a NUL.
const LONGEST: usize = 108;
/// Source: tor, `export_hs_client_circuit_id` in `src/core/or/connection_edge.c`.
const NETWORK: &str = "fc00:dead:beef:4dad::";

/// Reads the line `PROXY TCP6 fc00:dead:beef:4dad::X:Y ::1 PORT PORT` as Tor writes it with
/// `HiddenServiceExportCircuitID haproxy`, and no other line. Only Tor, and clients behind it, can write to the shop's
/// socket.
pub fn parse_proxy_header(bytes: &[u8]) -> ProxyHeader {
    let n_same = bytes.iter().zip(BEGIN).take_while(|(byte, same)| byte == same).count();
    if n_same < BEGIN.len() {
        return if n_same == bytes.len() { ProxyHeader::Partial } else { ProxyHeader::Absent };
    }
    let searched = &bytes[..bytes.len().min(LONGEST)];
    let Some(end) = searched.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < LONGEST { ProxyHeader::Partial } else { ProxyHeader::Malformed };
    };
    match std::str::from_utf8(&bytes[..end]).ok().and_then(parse_line) {
        Some(circuit) => ProxyHeader::Complete { circuit, length: end + 2 },
        None => ProxyHeader::Malformed,
    }
}

fn parse_line(line: &str) -> Option<CircuitId> {
    let mut fields = line.split(' ');
    if fields.next() != Some("PROXY") || fields.next() != Some("TCP6") {
        return None;
    }
    let (high, low) = fields.next()?.strip_prefix(NETWORK)?.split_once(':')?;
    let circuit = u32::from(hex_group(high)?) << 16 | u32::from(hex_group(low)?);
    if fields.next() != Some("::1") {
        return None;
    }
    port(fields.next()?)?;
    port(fields.next()?)?;
    fields.next().is_none().then_some(CircuitId(circuit))
}

/// As `%x` prints it: lowercase, no leading zeros.
fn hex_group(text: &str) -> Option<u16> {
    u16::from_str_radix(text, 16).ok().filter(|group| format!("{group:x}") == text)
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port: &u16| port.to_string() == text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: ProxyHeader) {
        assert_eq!(parse_proxy_header(text.as_bytes()), expected, "{text:?}");
    }

    fn line(circuit: u32, length: usize) -> ProxyHeader {
        ProxyHeader::Complete { circuit: CircuitId(circuit), length }
    }

    #[test]
    fn tors_own_line_names_the_circuit() {
        check("PROXY TCP6 fc00:dead:beef:4dad::0:25 ::1 37 80\r\n", line(0x25, 48));
        check(
            "PROXY TCP6 fc00:dead:beef:4dad::ffff:ffff ::1 65535 65535\r\nGET /",
            line(u32::MAX, 59),
        );
        check("PROXY TCP6 fc00:dead:beef:4dad::0:0 ::1 1 0\r\n", line(0, 45));
    }

    #[test]
    fn other_first_bytes_belong_to_the_visitor() {
        for text in ["GET / HTTP/1.1\r\n", "P ", "PROX\r\n", "PROXY", "\r\n", "proxy TCP6"] {
            let expected = if text == "PROXY" { ProxyHeader::Partial } else { ProxyHeader::Absent };
            check(text, expected);
        }
        for text in ["", "P", "PRO", "PROXY ", "PROXY TCP6 fc00:dead:beef:4dad::0:25 ::1 37 80\r"] {
            check(text, ProxyHeader::Partial);
        }
    }

    #[test]
    fn anything_else_that_begins_like_it_is_malformed() {
        for text in [
            "PROXY UNKNOWN\r\n",
            "PROXY TCP4 127.0.0.1 127.0.0.1 1 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dae::0:25 ::1 37 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::0:25 ::2 37 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::0:25 ::1 37\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::0:25 ::1 37 80 \r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::0:25 ::1 37 65536\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::0:25 ::1 +7 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::0:025 ::1 37 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::0:2G ::1 37 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::0:AB ::1 37 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::0:12345 ::1 37 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::25 ::1 37 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::0:+5 ::1 37 80\r\n",
            "PROXY TCP6  fc00:dead:beef:4dad::0:25 ::1 37 80\r\n",
            "PROXY TCP6 fc00:dead:beef:4dad::0:25 ::1 37 80\nGET / HTTP/1.1\r\n",
            "PROXY / HTTP/1.1\r\n",
            "PROXY \u{e9}\r\n",
        ] {
            check(text, ProxyHeader::Malformed);
        }
        check(&format!("PROXY {}", "x".repeat(102)), ProxyHeader::Malformed);
        check(&format!("PROXY {}", "x".repeat(101)), ProxyHeader::Partial);
    }

    proptest! {
        #[test]
        fn every_circuit_is_read_as_tor_writes_it(circuit: u32, from: u16, to: u16, rest: Vec<u8>) {
            let line = format!("PROXY TCP6 fc00:dead:beef:4dad::{:x}:{:x} ::1 {from} {to}\r\n", circuit >> 16, circuit & 0xffff);
            let mut bytes = line.clone().into_bytes();
            for n in 0..bytes.len() {
                prop_assert_eq!(parse_proxy_header(&bytes[..n]), ProxyHeader::Partial);
            }
            bytes.extend(rest);
            prop_assert_eq!(parse_proxy_header(&bytes), ProxyHeader::Complete { circuit: CircuitId(circuit), length: line.len() });
        }

        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let mut line = b"PROXY ".to_vec();
            line.extend(&bytes);
            parse_proxy_header(&line);
            if let ProxyHeader::Complete { length, .. } = parse_proxy_header(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }

        #[test]
        fn a_changed_line_is_malformed_or_another_circuits(at in 6_usize..46, byte: u8) {
            let mut line = b"PROXY TCP6 fc00:dead:beef:4dad::0:25 ::1 37 80\r\n".to_vec();
            let was = std::mem::replace(&mut line[at], byte);
            let same_form = byte == was || byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            match parse_proxy_header(&line) {
                ProxyHeader::Complete { .. } => prop_assert!(same_form),
                other => prop_assert_ne!(other, ProxyHeader::Absent),
            }
        }
    }
}
