//! Which targets need no proxy: the rules of `NO_PROXY`.
//!
//! There is no standard. What curl, Python and Go agree on is done; where they differ, curl is
//! followed.

use std::net::IpAddr;

use crate::connect::target::{Host, read_port, split_port};

/// Whether `list` excepts the host and port from going through a proxy.
///
/// Its entries stand between commas or white space. Names are not resolved for it, so that a name
/// is compared with names and an address with addresses only. What is none of the known forms
/// excepts nothing.
pub(super) fn excepts(list: &str, host: &Host, port: u16) -> bool {
    list.split(|c: char| c == ',' || c.is_whitespace())
        .any(|entry| matches(entry, host, port))
}

fn matches(entry: &str, host: &Host, port: u16) -> bool {
    if let (Some((network, bits)), Host::Ip(address)) = (entry.split_once('/'), host) {
        return is_in_network(*address, network, bits);
    }
    // An IPv6 address need not stand in brackets as long as it has no port.
    if let (Ok(excepted), Host::Ip(address)) = (entry.parse::<IpAddr>(), host) {
        return excepted.to_canonical() == address.to_canonical();
    }
    let Ok((excepted, wanted_port)) = split_port(entry) else {
        return false;
    };
    match read_port(wanted_port) {
        Ok(wanted) if wanted.is_none_or(|wanted| wanted == port) => {}
        _ => return false,
    }
    if excepted == "*" {
        return true;
    }
    match host {
        Host::Ip(address) => excepted
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
            .is_ok_and(|excepted| excepted.to_canonical() == address.to_canonical()),
        Host::Name(name) => is_under(name, excepted),
        Host::Unix(_) => false,
    }
}

/// Whether a name is the one excepted, or one below it. It may be written with a dot or with `*.` in
/// front; either way it stands for itself too.
fn is_under(name: &str, excepted: &str) -> bool {
    let excepted = excepted.strip_prefix('*').unwrap_or(excepted);
    let excepted = excepted.strip_prefix('.').unwrap_or(excepted);
    let excepted = excepted.strip_suffix('.').unwrap_or(excepted);
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some(at) = name.len().checked_sub(excepted.len()) else {
        return false;
    };
    !excepted.is_empty()
        && name.is_char_boundary(at)
        && name[at..].eq_ignore_ascii_case(excepted)
        && (at == 0 || name[..at].ends_with('.'))
}

/// Whether an address is in the network that is written as `network/bits` (RFC 4632 §3.1).
fn is_in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let (network, address, width) = match (network, address.to_canonical()) {
        (IpAddr::V4(network), IpAddr::V4(address)) => (
            u128::from(network.to_bits()),
            u128::from(address.to_bits()),
            32,
        ),
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let Some(below) = u32::checked_sub(width, bits) else {
        return false;
    };
    // Shifting out all 128 bits leaves nothing to compare.
    let prefix = |value: u128| value.checked_shr(below).unwrap_or(0);
    prefix(network) == prefix(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::Target;

    #[test]
    fn each_form_excepts_what_it_says_and_nothing_else() {
        for (list, excepted, kept) in [
            ("", "", "a.example 1.2.3.4 [::1]"),
            (" , ,\t", "", "a.example 1.2.3.4"),
            ("*", "a.example 1.2.3.4 [::1] a:99", ""),
            ("*:99", "a:99 1.2.3.4:99", "a a:98"),
            ("b,*", "a.example", ""),
            (
                "example.com",
                "example.com EXAMPLE.com example.com. www.example.com a.b.example.com:99",
                "badexample.com example.com.evil.org com example.org xample.com",
            ),
            (
                ".example.com",
                "example.com www.example.com",
                "badexample.com",
            ),
            (
                "*.example.com",
                "example.com www.example.com",
                "badexample.com",
            ),
            ("Example.COM.", "www.example.com", "example.org"),
            (
                "example.com:99",
                "example.com:99 www.example.com:99",
                "example.com example.com:98",
            ),
            (
                "example.com:80",
                "example.com example.com:80",
                "example.com:443",
            ),
            (
                "localhost, b.example c.example",
                "localhost b.example c.example",
                "d.example",
            ),
            ("com", "example.com", "example.org commerce"),
            (
                "1.2.3.4",
                "1.2.3.4 1.2.3.4:99 [::ffff:1.2.3.4]",
                "1.2.3.5 11.2.3.4",
            ),
            ("1.2.3.4:99", "1.2.3.4:99", "1.2.3.4"),
            (".3.4", "", "1.2.3.4"),
            ("::1", "[::1] [::1]:99 [0:0::1]", "[::2]"),
            ("[::1]", "[::1] [::1]:99", "[::2]"),
            ("[::1]:99", "[::1]:99", "[::1]"),
            (
                "10.0.0.0/8",
                "10.0.0.1 10.255.255.255 [::ffff:10.1.2.3]",
                "11.0.0.1 9.255.255.255",
            ),
            ("10.1.2.3/8", "10.9.9.9", "11.0.0.1"),
            ("1.2.3.4/32", "1.2.3.4", "1.2.3.5"),
            (
                "0.0.0.0/0",
                "1.2.3.4 255.255.255.255",
                "[2001:db8::1] a.example",
            ),
            (
                "2001:db8::/32",
                "[2001:db8:ffff::1]",
                "[2001:db9::1] 1.2.3.4",
            ),
            ("::/0", "[2001:db8::1]", "1.2.3.4 a.example"),
            (
                "10.0.0.0/33 10.0.0.0/x 10.0.0/8 /8 10.0.0.0/ ::/129 10.0.0.0/-1",
                "",
                "10.0.0.1 [::1]",
            ),
            ("example.com/8", "", "example.com"),
            (
                "example.com:x [::1 [ ] : . *. :99 a:0",
                "",
                "example.com [::1] a a:99",
            ),
            ("\u{e9}xample.com", "", "xample.com example.com"),
        ] {
            for (hosts, expected) in [(excepted, true), (kept, false)] {
                for host in hosts.split_whitespace() {
                    let target = Target::parse(&format!("ws://{host}")).unwrap();
                    let found = excepts(list, &target.host, target.port);
                    assert_eq!(found, expected, "{host} by {list:?}");
                }
            }
        }
    }
}
