//! Subprotocols and extensions (RFC 6455 §4.1, items 5 and 6): nothing that was not offered.

use crate::support::answer::{answered, answered_to, assert_reason};
use crate::support::request::Response;
use crate::support::run::paused;

#[test]
fn a_subprotocol_that_was_not_offered_fails_the_handshake() {
    paused(async {
        let unasked = answered(|request| {
            Response::to(request)
                .add("Sec-WebSocket-Protocol", "feed")
                .bytes()
        })
        .await;
        assert_reason!(unasked, Subprotocol, "unasked");
        for values in [
            &["other"][..],
            &["FEED.V1"],
            &["feed.v1, feed.v2"],
            &["feed.v1", "feed.v2"],
            &["feed.v1", "feed.v1"],
            &[""],
            &["feed"],
        ] {
            let connect =
                longwire::connect("ws://server.example/").subprotocols(["feed.v1", "feed.v2"]);
            let result = answered_to(connect, |request| {
                values
                    .iter()
                    .fold(Response::to(request), |response, value| {
                        response.add("Sec-WebSocket-Protocol", *value)
                    })
                    .bytes()
            })
            .await;
            assert_reason!(result, Subprotocol, &format!("{values:?}"));
        }
    });
}

#[test]
fn the_subprotocol_that_the_server_picks_is_known() {
    paused(async {
        let offer =
            || longwire::connect("ws://server.example/").subprotocols(["feed.v1", "feed.v2"]);
        let ws = answered_to(offer(), |request| {
            Response::to(request)
                .add("Sec-WebSocket-Protocol", "feed.v2")
                .bytes()
        })
        .await
        .unwrap();
        assert_eq!(ws.handshake().subprotocol(), Some("feed.v2"));
        let ws = answered_to(offer(), |request| Response::to(request).bytes())
            .await
            .expect("a server need not pick one");
        assert_eq!(ws.handshake().subprotocol(), None);
    });
}

#[test]
fn an_extension_that_was_not_offered_fails_the_handshake() {
    paused(async {
        for value in [
            "permessage-deflate",
            "permessage-deflate; server_max_window_bits=15",
            "permessage-deflate; unknown",
            "permessage-deflate, permessage-deflate",
            "x-webkit-deflate-frame",
            "foo; bar=\"unclosed",
            ";",
            "foo;;",
            "foo bar",
        ] {
            let result = answered(|request| {
                Response::to(request)
                    .add("Sec-WebSocket-Extensions", value)
                    .bytes()
            })
            .await;
            assert_reason!(result, Extension, value);
        }
        let twice = answered(|request| {
            Response::to(request)
                .add("Sec-WebSocket-Extensions", "foo")
                .add("Sec-WebSocket-Extensions", "foo")
                .bytes()
        })
        .await;
        assert_reason!(twice, Extension, "twice");
    });
}
