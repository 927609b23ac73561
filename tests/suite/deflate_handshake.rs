//! permessage-deflate in the opening handshake (RFC 7692 §5 and §7.1).

use longwire::{Client, Deflate, ErrorKind, Phase};

use crate::support::answer::{answered_to, assert_reason, reason};
use crate::support::compressed::{EXTENSIONS, agreed, agreed_with, agreeing, asking, deflate};
use crate::support::request::Response;
use crate::support::run::paused;
use crate::support::scripted::Peer;
use crate::support::verdict::assert_error;

/// The extensions that a request with these settings offers.
async fn offered(connect: longwire::Connect) -> Vec<String> {
    let (near, far) = tokio::io::duplex(1 << 16);
    let connect = connect.over(near).into_future();
    let server = async {
        let mut peer = Peer::new(far);
        let request = peer.switch().await;
        let values = request.all(EXTENSIONS);
        values.into_iter().map(str::to_owned).collect()
    };
    tokio::join!(connect, server).1
}

#[test]
fn nothing_is_offered_unless_it_is_asked_for() {
    paused(async {
        let url = "ws://server.example/";
        assert!(offered(longwire::connect(url)).await.is_empty());
        assert_eq!(
            offered(asking(Deflate::default())).await,
            [deflate("; client_max_window_bits")]
        );
        let everything = Deflate::default()
            .client_max_window_bits(10)
            .server_max_window_bits(9)
            .client_no_context_takeover()
            .server_no_context_takeover();
        assert_eq!(
            offered(asking(everything)).await,
            [deflate(
                "; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=9; client_max_window_bits=10"
            )]
        );
        let client = Client::builder().deflate(Deflate::default()).build();
        assert_eq!(offered(client.connect(url)).await.len(), 1);
        assert!(offered(client.connect(url).no_deflate()).await.is_empty());
    });
}

#[test]
fn what_was_agreed_is_known() {
    paused(async {
        let (ws, _peer) = agreed("").await;
        let agreement = ws.handshake().deflate().unwrap();
        assert!(!agreement.server_no_context_takeover && !agreement.client_no_context_takeover);
        let bits = (
            agreement.server_max_window_bits,
            agreement.client_max_window_bits,
        );
        assert_eq!(bits, (15, 15));

        let parameters = "; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=\"8\" ; client_max_window_bits = 12";
        let (ws, _peer) = agreed(parameters).await;
        let agreement = ws.handshake().deflate().unwrap();
        assert!(agreement.server_no_context_takeover && agreement.client_no_context_takeover);
        let bits = (
            agreement.server_max_window_bits,
            agreement.client_max_window_bits,
        );
        assert_eq!(bits, (8, 12));

        let declined = answered_to(asking(Deflate::default()), |request| {
            Response::to(request).bytes()
        });
        assert_eq!(declined.await.unwrap().handshake().deflate(), None);
    });
}

#[test]
fn every_window_that_a_server_may_announce_unasked_is_accepted() {
    paused(async {
        for bits in 8..=15 {
            for name in ["server_max_window_bits", "client_max_window_bits"] {
                agreed(&format!("; {name}={bits}")).await;
            }
        }
    });
}

#[test]
fn an_answer_that_does_not_fit_the_offer_fails_the_handshake_and_names_the_parameter() {
    paused(async {
        let default = Deflate::default;
        for (settings, parameter, answer) in [
            (default(), "unknown", "; unknown"),
            (
                default(),
                "unknown",
                "; unknown=1; server_max_window_bits=10",
            ),
            (
                default(),
                "server_max_window_bits",
                "; server_max_window_bits",
            ),
            (
                default(),
                "server_max_window_bits",
                "; server_max_window_bits=7",
            ),
            (
                default(),
                "server_max_window_bits",
                "; server_max_window_bits=16",
            ),
            (
                default(),
                "server_max_window_bits",
                "; server_max_window_bits=09",
            ),
            (
                default(),
                "server_max_window_bits",
                "; server_max_window_bits=1000",
            ),
            (
                default(),
                "server_max_window_bits",
                "; server_max_window_bits=10; server_max_window_bits=10",
            ),
            (
                default(),
                "client_max_window_bits",
                "; client_max_window_bits",
            ),
            (
                default(),
                "client_max_window_bits",
                "; client_max_window_bits=\"16\"",
            ),
            (
                default(),
                "server_no_context_takeover",
                "; server_no_context_takeover=true",
            ),
            (
                default(),
                "client_no_context_takeover",
                "; client_no_context_takeover; client_no_context_takeover",
            ),
            (
                default().server_max_window_bits(10),
                "server_max_window_bits",
                "; server_max_window_bits=11",
            ),
            (
                default().server_max_window_bits(10),
                "server_max_window_bits",
                "",
            ),
            (
                default().client_max_window_bits(10),
                "client_max_window_bits",
                "; client_max_window_bits=11",
            ),
            (
                default().server_no_context_takeover(),
                "server_no_context_takeover",
                "",
            ),
        ] {
            let result = answered_to(asking(settings), |request| agreeing(request, answer)).await;
            let text = result.as_ref().unwrap_err().to_string();
            assert!(text.contains(parameter), "{answer}: {text}");
            assert_reason!(result, Extension, answer);
        }
    });
}

#[test]
fn an_answer_with_anything_beside_what_was_offered_fails_the_handshake() {
    paused(async {
        let answers = |values: &'static [&str]| {
            answered_to(asking(Deflate::default()), |request| {
                let response = Response::to(request);
                let add = |response: Response, value: &&str| response.add(EXTENSIONS, *value);
                values.iter().fold(response, add).bytes()
            })
        };
        for values in [
            &["x-webkit-deflate-frame"][..],
            &["permessage-deflate, permessage-deflate"],
            &["permessage-deflate; server_no_context_takeover, permessage-deflate"],
            &["permessage-deflate, foo"],
            &["foo, permessage-deflate"],
            &["permessage-deflate", "permessage-deflate"],
            &["permessage-bzip2"],
            &["PERMESSAGE-DEFLATE2"],
            &[""],
            &["permessage-deflate;"],
            &["permessage-deflate; server_max_window_bits=\"1 0\""],
        ] {
            assert_reason!(answers(values).await, Extension, &format!("{values:?}"));
        }
        for values in [&["foo"][..], &["foo, permessage-deflate"]] {
            let text = reason(answers(values).await, "foo").to_string();
            assert!(text.contains("\"foo\" was not offered"), "{text}");
        }
    });
}

#[test]
fn a_setting_that_cannot_work_is_reported_by_name() {
    paused(async {
        for (settings, name) in [
            (Deflate::default().level(0), "level"),
            (Deflate::default().level(10), "level"),
            (
                Deflate::default().client_max_window_bits(8),
                "client_max_window_bits",
            ),
            (
                Deflate::default().client_max_window_bits(16),
                "client_max_window_bits",
            ),
            (
                Deflate::default().server_max_window_bits(7),
                "server_max_window_bits",
            ),
            (
                Deflate::default().server_max_window_bits(255),
                "server_max_window_bits",
            ),
        ] {
            let (near, _far) = tokio::io::duplex(1);
            let error = asking(settings).over(near).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(name), "{error}");
        }
        let field = longwire::connect("ws://server.example/").header(EXTENSIONS, "foo");
        let (near, _far) = tokio::io::duplex(1);
        let error = field.over(near).await.unwrap_err();
        assert_error(&error, ErrorKind::Config, Phase::Resolve);
        assert!(error.to_string().contains("use deflate"), "{error}");
    });
}

#[test]
fn the_client_of_a_connection_can_be_overruled() {
    paused(async {
        let client = Client::builder()
            .deflate(Deflate::default().client_no_context_takeover())
            .build();
        let url = "ws://server.example/";
        let (ws, _peer) = agreed_with(client.connect(url), "").await;
        let agreement = ws.handshake().deflate().unwrap();
        assert!(agreement.client_no_context_takeover);
        let connect = client.connect(url).deflate(Deflate::default());
        let (ws, _peer) = agreed_with(connect, "").await;
        let agreement = ws.handshake().deflate().unwrap();
        assert!(!agreement.client_no_context_takeover);
    });
}
