//! SOCKS4 and `SOCKS4a`, byte by byte.

use longwire::{ErrorKind, Phase, Proxy};

use crate::support::proxy::{Then, Untouched, at, fails, knows, works};
use crate::support::run::real;
use crate::support::verdict::assert_error;

#[test]
fn socks4a_sends_the_name_and_socks4_an_address() {
    real(async {
        const GRANTED: [u8; 8] = [0, 90, 1, 2, 3, 4, 5, 6];
        for (scheme, user, wanted) in [
            (
                "socks4a",
                "",
                &b"\x04\x01\x00\x50\x00\x00\x00\x01\x00server.example\x00"[..],
            ),
            (
                "socks4a",
                "me@",
                b"\x04\x01\x00\x50\x00\x00\x00\x01me\x00server.example\x00",
            ),
            ("socks4", "", b"\x04\x01\x00\x51\xc0\x00\x02\x07\x00"),
            ("socks4", "me@", b"\x04\x01\x00\x51\xc0\x00\x02\x07me\x00"),
        ] {
            works(
                |address| {
                    let proxy = Proxy::new(format!("{scheme}://{user}{address}"));
                    let known = knows(&["[2001:db8::1]:80", "192.0.2.7:81"]);
                    longwire::connect("ws://server.example/")
                        .proxy(proxy)
                        .resolver(known)
                },
                move |mut peer| async move {
                    for (at, byte) in wanted.iter().enumerate() {
                        assert_eq!(peer.exactly().await, [*byte], "byte {at}");
                    }
                    for byte in GRANTED {
                        peer.send([byte]).await;
                        tokio::task::yield_now().await;
                    }
                    peer
                },
            )
            .await;
        }
    });
}

#[test]
fn the_answers_of_socks4_are_told_in_words() {
    real(async {
        // The request for an IPv4 address without a user name.
        const REQUEST: usize = 9;
        for (reply, then, words, retryable) in [
            (
                &[0, 91, 0, 0, 0, 0, 0, 0][..],
                Then::Waits,
                "rejected the connection",
                true,
            ),
            (&[0, 92, 0, 0, 0, 0, 0, 0], Then::Waits, "identd", false),
            (
                &[0, 93],
                Then::Closes,
                "identd of this machine names another user",
                false,
            ),
            (&[0, 0], Then::Waits, "unknown code 0", false),
            (&[5, 0xff], Then::Waits, "answers like SOCKS5", false),
            (&[4, 90], Then::Waits, "begins with the byte 4", false),
            (
                b"HTTP/1.1 400 Bad",
                Then::Waits,
                "answers like an HTTP proxy",
                false,
            ),
            (&[], Then::Closes, "before its reply was whole", true),
            (&[0], Then::Closes, "before its reply was whole", true),
            (
                &[0, 90, 0, 0, 0, 0, 0],
                Then::Closes,
                "before its reply was whole",
                true,
            ),
        ] {
            let choice = |address| at("socks4a", address);
            let error = fails(choice, &[(REQUEST, reply)], then).await;
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(error.is_retryable(), retryable, "{error}");
        }
    });
}

#[test]
fn socks4_is_not_asked_for_ipv6() {
    real(async {
        let proxy = Untouched::new();
        for scheme in ["socks4", "socks4a"] {
            let connect = longwire::connect("ws://[::1]:9/").proxy(at(scheme, proxy.address));
            let error = connect.await.unwrap_err();
            assert_error(&error, ErrorKind::Proxy, Phase::Proxy);
            assert!(error.to_string().contains("IPv6"), "{error}");
        }
        let error = longwire::connect("ws://server.example/")
            .resolver(knows(&["[::1]:80"]))
            .proxy(at("socks4", proxy.address))
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Proxy, Phase::Proxy);
        assert!(
            error.to_string().contains("takes IPv4 addresses only"),
            "{error}"
        );
        proxy.assert_untouched();
    });
}
