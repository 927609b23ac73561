//! SOCKS5, byte by byte.

use std::net::SocketAddr;

use longwire::{ErrorKind, Proxy};

use crate::support::proxy::{
    SUCCEEDED, Script, Then, Untouched, at, by_name, fails, knows, socks5_greeting, socks5_request,
    works,
};
use crate::support::run::real;

const NO_LOGIN: &[u8] = &[5, 0];
const LOGIN: &[u8] = &[5, 2];
/// How many bytes the client sends: the greeting without and with credentials, `u:pw` to log in, the
/// request for an IPv4 address.
const GREETING: usize = 3;
const GREETING_WITH_LOGIN: usize = 4;
const LOGGING_IN: usize = 6;
const REQUEST: usize = 10;

fn socks5(address: SocketAddr) -> Proxy {
    at("socks5", address)
}

fn socks5_with_login(address: SocketAddr) -> Proxy {
    Proxy::new(format!("socks5h://u:pw@{address}"))
}

#[test]
fn socks5h_sends_the_name() {
    real(async {
        works(
            |address| by_name(at("socks5h", address)),
            move |mut peer| async move {
                socks5_greeting(&mut peer, &[0], 0).await;
                let asked = socks5_request(&mut peer).await;
                assert_eq!(asked, (3, b"server.example".to_vec(), 80));
                peer.send(SUCCEEDED).await;
                peer
            },
        )
        .await;
    });
}

#[test]
fn socks5_sends_an_address_that_is_resolved_here() {
    real(async {
        for (addresses, kind, address, port) in [
            (
                &["192.0.2.7:81", "[2001:db8::1]:82"][..],
                1,
                vec![192, 0, 2, 7],
                81,
            ),
            (
                &["[::1]:82", "192.0.2.7:81"],
                4,
                [[0; 15].as_slice(), &[1]].concat(),
                82,
            ),
        ] {
            works(
                |proxy| {
                    longwire::connect("ws://server.example/")
                        .resolver(knows(addresses))
                        .proxy(at("socks5", proxy))
                },
                move |mut peer| async move {
                    socks5_greeting(&mut peer, &[0], 0).await;
                    assert_eq!(socks5_request(&mut peer).await, (kind, address, port));
                    peer.send(SUCCEEDED).await;
                    peer
                },
            )
            .await;
        }
    });
}

#[test]
fn an_address_in_the_url_is_sent_as_one_by_either_kind() {
    real(async {
        for (url, kind, address, port) in [
            ("ws://192.0.2.7:81/", 1, vec![192, 0, 2, 7], 81),
            ("ws://[::1]/", 4, [[0; 15].as_slice(), &[1]].concat(), 80),
        ] {
            for scheme in ["socks5", "socks5h"] {
                let address = address.clone();
                works(
                    |proxy| longwire::connect(url).proxy(at(scheme, proxy)),
                    move |mut peer| async move {
                        socks5_greeting(&mut peer, &[0], 0).await;
                        assert_eq!(socks5_request(&mut peer).await, (kind, address, port));
                        peer.send(SUCCEEDED).await;
                        peer
                    },
                )
                .await;
            }
        }
    });
}

#[test]
fn a_user_name_and_a_password_are_sent_when_the_proxy_chooses_them() {
    real(async {
        for (login, chosen) in [("u%40x:p%20%C3%A9", 2), ("u:p", 0)] {
            works(
                |proxy| by_name(Proxy::new(format!("socks5h://{login}@{proxy}"))),
                move |mut peer| async move {
                    socks5_greeting(&mut peer, &[0, 2], chosen).await;
                    if chosen == 2 {
                        let sent: [u8; 9] = peer.exactly().await;
                        assert_eq!(&sent, b"\x01\x03u@x\x04p \xc3");
                        assert_eq!(peer.exactly().await, [0xa9]);
                        peer.send([1, 0]).await;
                    }
                    socks5_request(&mut peer).await;
                    peer.send(SUCCEEDED).await;
                    peer
                },
            )
            .await;
        }
    });
}

#[test]
fn whatever_address_the_reply_names_exactly_the_reply_is_read() {
    real(async {
        for reply in [
            SUCCEEDED.to_vec(),
            [&[5, 0, 9, 4][..], &[7; 16], &[0, 80]].concat(),
            [&[5, 0, 0, 3, 255][..], &[b'x'; 255], &[0, 80]].concat(),
            vec![5, 0, 0, 3, 0, 0, 0],
        ] {
            works(
                |address| by_name(at("socks5h", address)),
                move |mut peer| async move {
                    socks5_greeting(&mut peer, &[0], 0).await;
                    socks5_request(&mut peer).await;
                    for byte in reply {
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
fn each_reply_code_is_told_in_words() {
    real(async {
        for (code, words, retryable) in [
            (1, "general failure", true),
            (2, "rules do not allow", false),
            (3, "network is unreachable", true),
            (4, "host is unreachable", true),
            (5, "connection was refused", true),
            (6, "time to live expired", true),
            (7, "does not know the command", false),
            (8, "does not take addresses of this kind", false),
            (9, "unknown reason (reply 9)", false),
            (255, "unknown reason (reply 255)", false),
        ] {
            // Some proxies close behind the code.
            for reply in [&[5, code, 0, 1, 0, 0, 0, 0, 0, 0][..], &[5, code]] {
                let script = [(GREETING, NO_LOGIN), (REQUEST, reply)];
                let error = fails(socks5, &script, Then::Closes).await;
                assert!(error.to_string().contains(words), "{error}");
                assert_eq!(error.is_retryable(), retryable, "{error}");
            }
        }
    });
}

#[test]
fn answers_that_break_the_rules_of_socks5_are_named() {
    real(async {
        for (answer, words) in [
            (&[4, 0][..], "answers like SOCKS4"),
            (&[0, 90], "answers like SOCKS4"),
            (
                b"HTTP/1.1 400 Bad Request\r\n\r\n",
                "answers like an HTTP proxy",
            ),
            (&[6, 0], "begins with the byte 6"),
            (&[5, 3], "method 3 of SOCKS5, which was not offered"),
            (&[5, 1], "method 1 of SOCKS5, which was not offered"),
            (&[5, 0xff], "wants credentials and none are set"),
            (&[5, 2], "wants credentials and none are set"),
        ] {
            let error = fails(socks5, &[(GREETING, answer)], Then::Waits).await;
            assert!(error.to_string().contains(words), "{error}");
            assert!(!error.is_retryable());
        }
        for (reply, words) in [
            (&[4, 0, 0, 1][..], "answers like SOCKS4"),
            (&[5, 0, 0, 2], "unknown kind 2"),
            (&[5, 0, 0, 0], "unknown kind 0"),
        ] {
            let script = [(GREETING, NO_LOGIN), (REQUEST, reply)];
            let error = fails(socks5, &script, Then::Waits).await;
            assert!(error.to_string().contains(words), "{error}");
        }
        for (script, words) in [
            (
                &[(GREETING_WITH_LOGIN, &[5, 0xff][..])][..],
                "takes no user name and password",
            ),
            (
                &[(GREETING_WITH_LOGIN, LOGIN), (LOGGING_IN, &[1, 1])],
                "does not accept",
            ),
            (
                &[(GREETING_WITH_LOGIN, LOGIN), (LOGGING_IN, &[1, 255])],
                "does not accept",
            ),
            (
                &[(GREETING_WITH_LOGIN, LOGIN), (LOGGING_IN, &[5, 0])],
                "in version 5, not 1",
            ),
        ] {
            let error = fails(socks5_with_login, script, Then::Waits).await;
            assert!(error.to_string().contains(words), "{error}");
            assert!(!error.is_retryable());
        }
    });
}

#[test]
fn short_answers_say_what_is_missing() {
    real(async {
        let cases: [(Script<'_>, &str); 9] = [
            (
                &[(GREETING_WITH_LOGIN, &[])],
                "before its choice of a method was whole",
            ),
            (
                &[(GREETING_WITH_LOGIN, &[5])],
                "before its choice of a method was whole",
            ),
            (
                &[(GREETING_WITH_LOGIN, LOGIN), (LOGGING_IN, &[])],
                "before its answer to the user name and password was whole",
            ),
            (
                &[(GREETING_WITH_LOGIN, LOGIN), (LOGGING_IN, &[1])],
                "before its answer to the user name and password was whole",
            ),
            (
                &[(GREETING_WITH_LOGIN, NO_LOGIN), (REQUEST, &[])],
                "before its reply was whole",
            ),
            (
                &[(GREETING_WITH_LOGIN, NO_LOGIN), (REQUEST, &[5])],
                "before its reply was whole",
            ),
            (
                &[(GREETING_WITH_LOGIN, NO_LOGIN), (REQUEST, &[5, 0, 0])],
                "before its reply was whole",
            ),
            (
                &[(GREETING_WITH_LOGIN, NO_LOGIN), (REQUEST, &[5, 0, 0, 3])],
                "before its reply was whole",
            ),
            (
                &[(GREETING_WITH_LOGIN, NO_LOGIN), (REQUEST, &SUCCEEDED[..9])],
                "before its reply was whole",
            ),
        ];
        for (script, words) in cases {
            let error = fails(socks5_with_login, script, Then::Closes).await;
            assert!(error.to_string().contains(words), "{script:?}: {error}");
            assert!(error.is_retryable());
        }
    });
}

#[test]
fn the_longest_host_name_is_sent_and_a_longer_one_is_refused_before_anything_is_dialled() {
    real(async {
        let name = format!("{}a", "label.".repeat(42));
        assert_eq!(name.len(), 253);
        let url = format!("ws://{name}/");
        works(
            |proxy| longwire::connect(url).proxy(at("socks5h", proxy)),
            move |mut peer| async move {
                socks5_greeting(&mut peer, &[0], 0).await;
                let (kind, asked, port) = socks5_request(&mut peer).await;
                assert_eq!((kind, asked.as_slice(), port), (3, name.as_bytes(), 80));
                peer.send(SUCCEEDED).await;
                peer
            },
        )
        .await;
        let proxy = Untouched::new();
        let url = format!("ws://{}a/", "label.".repeat(43));
        let connect = longwire::connect(url).proxy(at("socks5h", proxy.address));
        assert_eq!(connect.await.unwrap_err().kind(), ErrorKind::Url);
        proxy.assert_untouched();
    });
}
