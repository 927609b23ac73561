//! permessage-deflate in the opening handshake (RFC 7692 §5 and §7.1): the offer, and whether the
//! server's answer fits it.

use super::Handshake;
use super::extensions::Extension;
use crate::deflate::{AgreedDeflate, Deflate};

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

impl Deflate {
    /// The element that offers this in `Sec-WebSocket-Extensions`.
    pub(crate) fn offer(&self) -> String {
        let mut offer = NAME.to_owned();
        let mut parameter = |name: &str, value: Option<u8>| {
            offer.push_str("; ");
            offer.push_str(name);
            if let Some(value) = value {
                offer.push('=');
                offer.push_str(&value.to_string());
            }
        };
        if self.server_no_context_takeover {
            parameter(SERVER_NO_CONTEXT_TAKEOVER, None);
        }
        if self.client_no_context_takeover {
            parameter(CLIENT_NO_CONTEXT_TAKEOVER, None);
        }
        if let bits @ Some(_) = self.server_max_window_bits {
            parameter(SERVER_MAX_WINDOW_BITS, bits);
        }
        // Without it the server may not limit our window (§7.1.2.2), and some must.
        parameter(CLIENT_MAX_WINDOW_BITS, self.client_max_window_bits);
        offer
    }

    /// What the server has made of the offer (RFC 7692 §7.1): each parameter at most once, each with
    /// a value that it may have, and nothing that goes beyond the offer.
    pub(crate) fn judge(&self, answer: &Extension<'_>) -> Result<AgreedDeflate, String> {
        if answer.name != NAME {
            return Err(format!("\"{answer}\" was not offered"));
        }
        let mut server_no_context_takeover = false;
        let mut client_no_context_takeover = false;
        let mut server_max_window_bits = None;
        let mut client_max_window_bits = None;
        for (name, value) in &answer.parameters {
            let value = value.as_deref();
            match *name {
                SERVER_NO_CONTEXT_TAKEOVER => flag(&mut server_no_context_takeover, value),
                CLIENT_NO_CONTEXT_TAKEOVER => flag(&mut client_no_context_takeover, value),
                SERVER_MAX_WINDOW_BITS => bits(
                    &mut server_max_window_bits,
                    value,
                    self.server_max_window_bits,
                ),
                CLIENT_MAX_WINDOW_BITS => bits(
                    &mut client_max_window_bits,
                    value,
                    self.client_max_window_bits,
                ),
                _ => Err("no such parameter is defined".to_owned()),
            }
            .map_err(|why| format!("{NAME}: {name}: {why}"))?;
        }
        // A server accepts these two by repeating them (§7.1.1.1, §7.1.2.1).
        for (name, missing) in [
            (
                SERVER_NO_CONTEXT_TAKEOVER,
                self.server_no_context_takeover && !server_no_context_takeover,
            ),
            (
                SERVER_MAX_WINDOW_BITS,
                self.server_max_window_bits.is_some() && server_max_window_bits.is_none(),
            ),
        ] {
            if missing {
                return Err(format!(
                    "{NAME}: {name}: it was offered and is missing in the answer"
                ));
            }
        }
        Ok(AgreedDeflate {
            server_no_context_takeover,
            client_no_context_takeover: client_no_context_takeover
                || self.client_no_context_takeover,
            server_max_window_bits: server_max_window_bits.unwrap_or(LARGEST),
            client_max_window_bits: client_max_window_bits.unwrap_or(LARGEST),
        })
    }
}

impl Handshake {
    /// How messages are compressed; `None` if that was not asked for or the server declined.
    pub fn deflate(&self) -> Option<AgreedDeflate> {
        self.deflate
    }
}

/// A parameter that has no value.
fn flag(seen: &mut bool, value: Option<&str>) -> Result<(), String> {
    if let Some(value) = value {
        return Err(format!("it has a value, \"{value}\""));
    }
    if std::mem::replace(seen, true) {
        return Err(TWICE.to_owned());
    }
    Ok(())
}

/// A parameter with a number of bits, at most as many as were offered.
fn bits(seen: &mut Option<u8>, value: Option<&str>, offered: Option<u8>) -> Result<(), String> {
    let Some(value) = value else {
        return Err("it has no value".to_owned());
    };
    // Decimal, without leading zeros (§7.1.2): the texts that there are, rather than a parser.
    let Some(bits) = (8..=LARGEST).find(|bits| bits.to_string() == value) else {
        return Err(format!("its value is \"{value}\", not 8 to 15"));
    };
    if let Some(offered) = offered.filter(|offered| bits > *offered) {
        return Err(format!("its value is {bits}, and {offered} was offered"));
    }
    if seen.replace(bits).is_some() {
        return Err(TWICE.to_owned());
    }
    Ok(())
}

const TWICE: &str = "it comes more than once";

/// The window of DEFLATE itself, which is what no limit means.
const LARGEST: u8 = 15;

#[cfg(test)]
mod tests {
    use super::super::extensions;
    use super::*;

    fn judge(settings: &Deflate, answer: &str) -> Result<AgreedDeflate, String> {
        settings.judge(&extensions::parse(answer.as_bytes())?[0])
    }

    #[test]
    fn an_offer_says_what_was_set() {
        let offer = Deflate::default().offer();
        assert_eq!(offer, "permessage-deflate; client_max_window_bits");
        let everything = Deflate::default()
            .server_no_context_takeover()
            .client_no_context_takeover()
            .server_max_window_bits(10)
            .client_max_window_bits(9);
        assert_eq!(
            everything.offer(),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=10; client_max_window_bits=9"
        );
    }

    #[test]
    fn an_answer_is_read_with_what_it_leaves_out() {
        let plain = Deflate::default();
        for (settings, answer, server, client) in [
            (&plain, "permessage-deflate", (false, 15), (false, 15)),
            (
                &plain,
                "permessage-deflate ; server_max_window_bits = \"12\"; client_max_window_bits=8",
                (false, 12),
                (false, 8),
            ),
            (
                &plain,
                "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
                (true, 15),
                (true, 15),
            ),
            (
                &plain.clone().client_no_context_takeover(),
                "permessage-deflate; client_max_window_bits=15",
                (false, 15),
                (true, 15),
            ),
            (
                &plain.clone().server_max_window_bits(12),
                "permessage-deflate; server_max_window_bits=9",
                (false, 9),
                (false, 15),
            ),
        ] {
            let agreed = judge(settings, answer).unwrap();
            let read = (
                agreed.server_no_context_takeover,
                agreed.server_max_window_bits,
            );
            assert_eq!(read, server, "{answer}");
            let read = (
                agreed.client_no_context_takeover,
                agreed.client_max_window_bits,
            );
            assert_eq!(read, client, "{answer}");
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_is_refused_by_the_name_of_the_parameter() {
        for (parameter, answer) in [
            (SERVER_NO_CONTEXT_TAKEOVER, "server_no_context_takeover=1"),
            (
                SERVER_NO_CONTEXT_TAKEOVER,
                "server_no_context_takeover; server_no_context_takeover",
            ),
            (
                CLIENT_NO_CONTEXT_TAKEOVER,
                "client_no_context_takeover=\"x\"",
            ),
            (
                CLIENT_NO_CONTEXT_TAKEOVER,
                "client_no_context_takeover; client_no_context_takeover",
            ),
            (SERVER_MAX_WINDOW_BITS, "server_max_window_bits"),
            (SERVER_MAX_WINDOW_BITS, "server_max_window_bits=7"),
            (SERVER_MAX_WINDOW_BITS, "server_max_window_bits=16"),
            (SERVER_MAX_WINDOW_BITS, "server_max_window_bits=08"),
            (SERVER_MAX_WINDOW_BITS, "server_max_window_bits=\"012\""),
            (SERVER_MAX_WINDOW_BITS, "server_max_window_bits=+9"),
            (SERVER_MAX_WINDOW_BITS, "server_max_window_bits=-9"),
            (SERVER_MAX_WINDOW_BITS, "server_max_window_bits=9.0"),
            (SERVER_MAX_WINDOW_BITS, "server_max_window_bits=1000"),
            (
                SERVER_MAX_WINDOW_BITS,
                "server_max_window_bits=9; server_max_window_bits=9",
            ),
            (CLIENT_MAX_WINDOW_BITS, "client_max_window_bits"),
            (CLIENT_MAX_WINDOW_BITS, "client_max_window_bits=0"),
            (CLIENT_MAX_WINDOW_BITS, "client_max_window_bits=x"),
            (
                CLIENT_MAX_WINDOW_BITS,
                "client_max_window_bits=9; client_max_window_bits=10",
            ),
            ("unknown", "unknown"),
            ("Server_Max_Window_Bits", "Server_Max_Window_Bits=9"),
        ] {
            let answer = format!("permessage-deflate; {answer}");
            let complaint = judge(&Deflate::default(), &answer).unwrap_err();
            let wanted = format!("permessage-deflate: {parameter}: ");
            assert!(complaint.starts_with(&wanted), "{answer}: {complaint}");
        }
        let other = judge(&Deflate::default(), "x-webkit-deflate-frame").unwrap_err();
        assert_eq!(other, "\"x-webkit-deflate-frame\" was not offered");
    }

    #[test]
    fn an_answer_may_not_go_beyond_the_offer() {
        let settings = Deflate::default()
            .server_no_context_takeover()
            .server_max_window_bits(10)
            .client_max_window_bits(11);
        let fits = "permessage-deflate; server_no_context_takeover; server_max_window_bits=10";
        assert!(judge(&settings, fits).is_ok());
        for (answer, complaint) in [
            (
                "; server_max_window_bits=10",
                "server_no_context_takeover: it was offered and is missing in the answer",
            ),
            (
                "; server_no_context_takeover",
                "server_max_window_bits: it was offered and is missing in the answer",
            ),
            (
                "; server_no_context_takeover; server_max_window_bits=11",
                "server_max_window_bits: its value is 11, and 10 was offered",
            ),
            (
                "; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=12",
                "client_max_window_bits: its value is 12, and 11 was offered",
            ),
        ] {
            let refused = judge(&settings, &format!("permessage-deflate{answer}")).unwrap_err();
            assert_eq!(refused, format!("permessage-deflate: {complaint}"));
        }
    }
}
