//! Response heads as HTTP/1.1 (RFC 9110 §15.2, RFC 9112): their limits, interim answers, old
//! customs that are borne, and what is no head at all.

use std::time::{Duration, Instant};

use longwire::{ErrorKind, Phase};

use crate::support::alloc::Meter;
use crate::support::answer::{answered, assert_reason};
use crate::support::io::{Chaos, Cuts, Endless};
use crate::support::request::{Request, Response};
use crate::support::run::paused;
use crate::support::scripted::Peer;
use crate::support::verdict::assert_error;

/// The answer with lines of its own between the correct fields and the blank line.
fn with_lines(request: &Request, lines: &[u8]) -> Vec<u8> {
    let mut head = Response::to(request).bytes();
    head.truncate(head.len() - 2);
    head.extend_from_slice(lines);
    head.extend_from_slice(b"\r\n");
    head
}

#[test]
fn a_head_without_an_end_is_cut_off_early_and_cheaply() {
    paused(async {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n";
        let one_line = Endless::new([head, &b"X-Long: "[..]].concat(), vec![b'x'; 1 << 16]);
        let many_lines = Endless::new(head.to_vec(), b"X-A: b\r\n".repeat(1 << 13));
        let no_fields = Endless::new(b"HTTP/1.1 101 ".to_vec(), vec![b'x'; 1 << 16]);
        let blank = Endless::new(Vec::new(), b"\r\n".repeat(1 << 15));
        for io in [one_line, many_lines, no_fields] {
            let meter = Meter::start();
            let begun = Instant::now();
            let result = longwire::connect("ws://server.example/").over(io).await;
            assert!(begun.elapsed() < Duration::from_secs(1));
            assert!(meter.peak() < 1 << 20, "{} bytes", meter.peak());
            assert_reason!(result, HeadTooLarge, "a head without an end");
        }
        let meter = Meter::start();
        let error = longwire::connect("ws://server.example/")
            .over(blank)
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Handshake, Phase::Upgrade);
        assert!(meter.peak() < 1 << 20, "{} bytes", meter.peak());
    });
}

#[test]
fn a_head_of_64_kib_passes_and_one_byte_more_fails() {
    paused(async {
        let of_size = |request: &Request, size: usize| {
            let rest = size - with_lines(request, b"X-Long: \r\n").len();
            with_lines(
                request,
                format!("X-Long: {}\r\n", "x".repeat(rest)).as_bytes(),
            )
        };
        answered(|request| of_size(request, 64 << 10))
            .await
            .unwrap();
        let larger = answered(|request| of_size(request, (64 << 10) + 1)).await;
        assert_reason!(larger, HeadTooLarge, "one byte more");
    });
}

#[test]
fn a_head_of_128_fields_passes_and_one_more_fails() {
    paused(async {
        let of_fields = |request: &Request, count: usize| {
            (3..count)
                .fold(Response::to(request), |response, number| {
                    response.add("X-Field", number.to_string())
                })
                .bytes()
        };
        answered(|request| of_fields(request, 128)).await.unwrap();
        let more = answered(|request| of_fields(request, 129)).await;
        assert_reason!(more, HeadTooLarge, "129 fields");
    });
}

/// A head that comes byte by byte costs no more than its bytes: it is not parsed anew at each.
#[test]
fn a_large_head_byte_by_byte_is_read_in_linear_time() {
    paused(async {
        let (near, far) = tokio::io::duplex(1 << 20);
        let io = Chaos::over(near).read_cuts(Cuts::Every(1));
        let connect = longwire::connect("ws://server.example/").over(io);
        let mut peer = Peer::new(far);
        let server = async {
            let request = peer.request().await;
            let line = format!("X-Long: {}\r\n", "x".repeat(500));
            peer.send(with_lines(&request, line.repeat(100).as_bytes()))
                .await;
        };
        let begun = Instant::now();
        let (result, ()) = tokio::join!(connect.into_future(), server);
        result.unwrap();
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
    });
}

#[test]
fn interim_answers_are_skipped() {
    paused(async {
        let early = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
        let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
        for interim in [early.to_vec(), go_on.to_vec(), [&early[..], go_on].concat()] {
            answered(|request| [interim, Response::to(request).bytes()].concat())
                .await
                .unwrap();
        }
    });
}

#[test]
fn sixteen_interim_answers_pass_and_one_more_fails() {
    paused(async {
        let interim = |count: usize| b"HTTP/1.1 102 Processing\r\n\r\n".repeat(count);
        answered(|request| [interim(16), Response::to(request).bytes()].concat())
            .await
            .unwrap();
        let more = answered(|request| [interim(17), Response::to(request).bytes()].concat()).await;
        assert_reason!(more, HeadTooLarge, "17 interim answers");
        let endless = Endless::new(Vec::new(), interim(100));
        let result = longwire::connect("ws://server.example/")
            .over(endless)
            .await;
        assert_reason!(result, HeadTooLarge, "for ever");
    });
}

#[test]
fn another_status_with_perfect_fields_is_a_refusal() {
    paused(async {
        for status in [
            "200 OK",
            "204 No Content",
            "302 Found",
            "304 Not Modified",
            "401 Unauthorized",
            "407 Proxy Authentication Required",
            "426 Upgrade Required",
            "600 Beyond",
            "999 Odd",
        ] {
            let error = answered(|request| {
                Response::to(request)
                    .status(&format!("HTTP/1.1 {status}"))
                    .add("Content-Length", "0")
                    .bytes()
            })
            .await
            .unwrap_err();
            assert_error(&error, ErrorKind::Refused, Phase::Upgrade);
            let response = error.response().unwrap();
            assert!(status.starts_with(response.status().as_str()));
        }
    });
}

#[test]
fn a_status_line_that_is_none_fails_the_handshake() {
    paused(async {
        for line in [
            "HTTP/1.1 1O1 Switching Protocols",
            "HTTP/1.0 101 Switching Protocols",
            "HTTP/2 101 Switching Protocols",
            "HTTP/1.1 10 Switching",
            "HTTP/1.1 1011 Switching",
            "HTTP/1.1",
            "HTTPS/1.1 101 Switching Protocols",
            "GET / HTTP/1.1",
        ] {
            let result = answered(|request| Response::to(request).status(line).bytes()).await;
            assert_reason!(result, BadHead, line);
        }
    });
}

#[test]
fn old_customs_and_odd_fields_are_borne() {
    paused(async {
        let many = "X-Field: value\r\n".repeat(80);
        let long = format!("X-Long: {}\r\n", "x".repeat(7 << 10));
        let longs = long.repeat(8);
        for (what, lines) in [
            ("obs-fold", &b"X-Fold: one\r\n two\r\n\tthree\r\n"[..]),
            ("obs-text", b"X-Text: caf\xe9 \xff\r\n"),
            ("empty values", b"X-Empty:\r\nX-Blank:   \r\n"),
            ("no space", b"X-Tight:value\r\n"),
            ("Content-Length", b"Content-Length: 5\r\n"),
            ("Transfer-Encoding", b"Transfer-Encoding: chunked\r\n"),
            ("80 fields", many.as_bytes()),
            ("7 KB", long.as_bytes()),
            ("eight of 7 KB", longs.as_bytes()),
        ] {
            answered(|request| with_lines(request, lines))
                .await
                .unwrap_or_else(|error| panic!("{what}: {error:?}"));
        }
        answered(|request| Response::to(request).status("HTTP/1.1 101 ").bytes())
            .await
            .expect("an empty reason phrase");
    });
}

#[test]
fn a_folded_value_is_one_value() {
    paused(async {
        answered(|request| {
            let head = Response::to(request).without("Connection");
            let mut head = head.bytes();
            head.truncate(head.len() - 2);
            head.extend_from_slice(b"Connection: keep-alive,\r\n Upgrade\r\n\r\n");
            head
        })
        .await
        .expect("the fold is a space (RFC 9112 section 5.2)");
    });
}

#[test]
fn fields_that_are_none_fail_the_handshake() {
    paused(async {
        for (what, lines) in [
            ("no colon", &b"X-Field value\r\n"[..]),
            ("NUL in a value", b"X-Field: a\0b\r\n"),
            ("NUL in a name", b"X-\0: a\r\n"),
            ("bare CR in a value", b"X-Field: a\rb\r\n"),
            ("bare CR in a name", b"X\rY: a\r\n"),
            ("empty name", b": value\r\n"),
            ("space in a name", b"X Field: value\r\n"),
        ] {
            let result = answered(|request| with_lines(request, lines)).await;
            assert_reason!(result, BadHead, what);
        }
    });
}

#[test]
fn what_is_not_http_fails_the_handshake_at_once() {
    paused(async {
        for (what, bytes) in [
            ("a TLS alert", &b"\x15\x03\x03\x00\x02\x02\x28"[..]),
            (
                "a TLS ServerHello",
                b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03",
            ),
            ("random bytes", b"\x9d\x01\xfe\x00\x77\r\n\r\n\x80"),
            ("zeros", &[0; 64]),
            ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n"),
            ("a frame", b"\x81\x05hello"),
            ("SMTP", b"220 mail.example ESMTP\r\n"),
        ] {
            let result = answered(|_| bytes.to_vec()).await;
            assert_reason!(result, BadHead, what);
        }
    });
}
