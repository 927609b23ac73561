//! Whose a certificate is and when it expires, read from its DER (RFC 5280 §4.1): for the report
//! only. Who is to be believed is decided by others.

use std::time::SystemTime;

use crate::date;
use crate::report::CertificateReport;

/// What is to be said about a certificate; `None` if it is not built as it should be.
pub(super) fn read(certificate: &[u8]) -> Option<CertificateReport> {
    let mut certificate = Reader(certificate).take(SEQUENCE)?;
    let mut body = certificate.take(SEQUENCE)?;
    body.skip_if(VERSION)?;
    // The serial number and the algorithm of the signature.
    body.next()?;
    body.next()?;
    let issuer = body.take(SEQUENCE)?.name()?;
    let mut validity = body.take(SEQUENCE)?;
    validity.next()?;
    let expires = validity.time()?;
    let mut subject = body.take(SEQUENCE)?.name()?;
    if subject.is_empty() {
        subject = alternative_names(body)?;
    }
    Some(CertificateReport {
        subject,
        issuer,
        expires,
    })
}

/// The DNS names in what follows the subject (RFC 5280 §4.2.1.6).
fn alternative_names(mut rest: Reader<'_>) -> Option<String> {
    let mut names = Vec::new();
    while let Some((tag, content)) = rest.next() {
        if tag != EXTENSIONS {
            continue;
        }
        let mut extensions = Reader(content).take(SEQUENCE)?;
        while let Some(mut extension) = extensions.take(SEQUENCE) {
            if extension.next()? != (OBJECT_IDENTIFIER, SUBJECT_ALT_NAME) {
                continue;
            }
            extension.skip_if(BOOLEAN)?;
            let mut alternatives = extension.take(OCTET_STRING)?.take(SEQUENCE)?;
            while let Some((tag, name)) = alternatives.next() {
                if tag == DNS_NAME && names.len() < MOST_NAMES {
                    names.push(printable(&String::from_utf8_lossy(name)));
                }
            }
        }
    }
    Some(names.join(", "))
}

/// What has not been read yet of a sequence of values, each a tag, a length and a content (X.690 §8.1).
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            // No certificate has more than a few megabytes.
            if length.len() > 3 {
                return None;
            }
            let length = length
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The next value, which must have this tag.
    fn take(&mut self, wanted: u8) -> Option<Self> {
        let (tag, content) = self.next()?;
        (tag == wanted).then_some(Self(content))
    }

    /// Passes over a value that may be left out.
    fn skip_if(&mut self, optional: u8) -> Option<()> {
        if self.0.first() == Some(&optional) {
            self.next()?;
        }
        Some(())
    }

    /// A distinguished name as `CN=a.example, O=Example` (RFC 5280 §4.1.2.4), the attributes that
    /// nobody knows left out.
    fn name(mut self) -> Option<String> {
        let mut parts = Vec::new();
        while let Some((_, set)) = self.next() {
            let mut set = Self(set);
            while let Some(mut attribute) = set.take(SEQUENCE) {
                let (_, kind) = attribute.next()?;
                let (tag, value) = attribute.next()?;
                let known = ATTRIBUTES
                    .iter()
                    .find(|(identifier, _)| *identifier == kind);
                if let Some((_, short)) = known {
                    parts.push(format!("{short}={}", printable(&text(tag, value))));
                }
            }
        }
        Some(parts.join(", "))
    }

    fn time(&mut self) -> Option<SystemTime> {
        let (tag, digits) = self.next()?;
        let digits = std::str::from_utf8(digits).ok()?;
        let since_1970 = match tag {
            // Two digits of the year mean 1950 to 2049 (RFC 5280 §4.1.2.5.1).
            UTC_TIME if digits.get(..2)? < "50" => date::parse_digits(&format!("20{digits}"))?,
            UTC_TIME => date::parse_digits(&format!("19{digits}"))?,
            _ => date::parse_digits(digits)?,
        };
        SystemTime::UNIX_EPOCH.checked_add(since_1970)
    }
}

/// The value of an attribute, in whichever of the string types it is.
fn text(tag: u8, value: &[u8]) -> String {
    match tag {
        BMP_STRING => {
            let units = value.chunks_exact(2);
            let units: Vec<_> = units
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        TELETEX_STRING => value.iter().copied().map(char::from).collect(),
        _ => String::from_utf8_lossy(value).into_owned(),
    }
}

/// What a stranger wrote, on one line and no longer than helps.
fn printable(text: &str) -> String {
    let on_one_line = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(on_one_line).take(MOST_CHARS).collect()
}

const SEQUENCE: u8 = 0x30;
const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const TELETEX_STRING: u8 = 0x14;
const BMP_STRING: u8 = 0x1e;
/// `[0]`, in front of the version.
const VERSION: u8 = 0xa0;
/// `[3]`, in front of the extensions.
const EXTENSIONS: u8 = 0xa3;
/// `[2]`, among the alternative names.
const DNS_NAME: u8 = 0x82;

/// 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// 2.5.4.3 and its relatives, with their short names (RFC 4514 §3).
const ATTRIBUTES: [(&[u8], &str); 6] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 6], "C"),
];

/// A certificate of a large host may be for hundreds of names.
const MOST_NAMES: usize = 4;
const MOST_CHARS: usize = 100;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let names = ["a.example", "b.example"].map(str::to_owned).to_vec();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.not_after = date_time_ymd(2031, 5, 6);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn subject_issuer_and_expiry_are_found() {
        let read = read(&certificate(|params| {
            let name = &mut params.distinguished_name;
            name.push(DnType::CommonName, "f\u{fc}r\nalle");
            name.push(DnType::OrganizationName, "Example");
        }))
        .unwrap();
        assert_eq!(read.subject, "CN=f\u{fc}r alle, O=Example");
        assert_eq!(read.issuer, read.subject);
        assert!(
            read.to_string()
                .ends_with("expires 2031-05-06 00:00:00 UTC"),
            "{read}"
        );
    }

    #[test]
    fn without_a_subject_it_is_known_by_the_names_it_is_for() {
        // From 2050 on, dates have four digits for the year.
        let read = read(&certificate(|params| {
            params.not_after = date_time_ymd(2050, 1, 2);
        }))
        .unwrap();
        assert_eq!(read.subject, "a.example, b.example");
        assert!(read.to_string().contains("2050-01-02"), "{read}");
    }

    #[test]
    fn whatever_bytes_come_nothing_panics() {
        let whole = certificate(|params| {
            params.distinguished_name.push(DnType::CommonName, "a");
        });
        for cut in 0..whole.len() {
            let _ = read(&whole[..cut]);
            for value in [0, 1, 0x7f, 0x80, 0x83, 0xff, whole[cut] ^ 1] {
                let mut changed = whole.clone();
                changed[cut] = value;
                let _ = read(&changed);
            }
        }
        assert_eq!(read(&[]), None);
        assert_eq!(read(b"\x30\x85\xff\xff\xff\xff\xff"), None);
    }

    #[test]
    fn old_string_types_are_read_too() {
        assert_eq!(text(BMP_STRING, b"\0a\x20\xac"), "a\u{20ac}");
        assert_eq!(text(TELETEX_STRING, b"\xe9"), "\u{e9}");
    }
}
