//! Settings: what they send, and how they are judged.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, header};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::*;
use crate::connect::tests::{read_request, switching};
use crate::error::{ErrorKind, Phase};

/// The request that is sent, with its lines sorted out of the way of the order of fields.
fn fields(connect: Connect) -> Vec<String> {
    let defaults = &connect.client.0.options;
    let target = connect.target.unwrap();
    let mut merged = None;
    let plan = plan(&target, connect.options.as_deref(), defaults, &mut merged).unwrap();
    let mut fields: Vec<_> = plan
        .offer
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    fields.sort();
    fields
}

fn complaint<D>(connect: Connect<D>) -> Error {
    let defaults = &connect.client.0.options;
    let target = match connect.target {
        Ok(target) => target,
        Err(error) => return error,
    };
    match plan(&target, connect.options.as_deref(), defaults, &mut None) {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error,
    }
}

#[test]
fn fields_are_taken_in_every_form_and_repeated() {
    let connect = connect("ws://a")
        .header("X-A", "1")
        .header(String::from("x-a"), String::from("2"))
        .header(
            HeaderName::from_static("x-b"),
            HeaderValue::from_static("3"),
        )
        .header(header::ACCEPT_LANGUAGE, "th")
        .header("x-n", 4)
        .header(header::USER_AGENT, "one")
        .header("User-Agent", "two")
        .origin("https://a.example");
    assert_eq!(
        fields(connect),
        [
            "accept-language: th",
            "origin: https://a.example",
            "user-agent: two",
            "x-a: 1",
            "x-a: 2",
            "x-b: 3",
            "x-n: 4"
        ]
    );
}

#[test]
fn an_explicit_authorization_wins_over_the_urls() {
    let url = "ws://user:password@a";
    assert_eq!(
        fields(connect(url)),
        ["authorization: Basic dXNlcjpwYXNzd29yZA=="]
    );
    assert_eq!(
        fields(connect(url).bearer("t")),
        ["authorization: Bearer t"]
    );
    assert_eq!(
        fields(connect(url).basic("a", "b")),
        ["authorization: Basic YTpi"]
    );
    let last = connect(url).bearer("t").header("authorization", "Custom x");
    assert_eq!(fields(last), ["authorization: Custom x"]);
}

#[test]
fn a_connections_fields_replace_those_of_its_client() {
    let client = Client::builder()
        .header("x-a", "client")
        .header("x-b", "client")
        .subprotocols(["chat"])
        .timeout(Duration::from_secs(3))
        .max_message_size(1000)
        .build();
    let connect = client
        .connect("ws://a")
        .header("x-a", "1")
        .header("x-a", "2");
    let options = connect.options.as_ref().unwrap();
    assert_eq!(options.limits.whole(), Duration::from_secs(3));
    assert_eq!(options.config.max_message_size, 1000);
    assert_eq!(options.subprotocols, ["chat"]);
    assert_eq!(fields(connect), ["x-a: 1", "x-a: 2", "x-b: client"]);
}

#[test]
fn a_request_keeps_its_fields_and_may_not_bring_reserved_ones() {
    let request = |name, value| Request::get("ws://a").header(name, value).body(()).unwrap();
    assert_eq!(
        fields(connect(request("x-a", "1")).header("x-a", "2")),
        ["x-a: 1", "x-a: 2"]
    );
    for name in [
        "Host",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
    ] {
        let error = complaint(connect(request(name, "s3cret")));
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error.to_string().contains(&name.to_ascii_lowercase()),
            "{error}"
        );
    }
}

#[test]
fn a_bad_setting_is_reported_by_name_and_without_its_value() {
    for (connect, named) in [
        (connect("ws://a").header("bad name", "s3cret"), "bad name"),
        (connect("ws://a").header("", "s3cret"), "header"),
        (connect("ws://a").header("x-a", "s3cret\r\nX: y"), "x-a"),
        (connect("ws://a").header("x-a", "s3cret\0"), "x-a"),
        (connect("ws://a").header("Host", "s3cret"), "host"),
        (connect("ws://a").header("x\r\ny", "s3cret"), "x\\r\\ny"),
        (connect("ws://a").bearer("s3cret\n"), "bearer"),
        (connect("ws://a").basic("s3:cret", ""), "basic"),
        (connect("ws://a").origin("s3cret\r\n"), "origin"),
        (connect("ws://a").subprotocols(["a b"]), "subprotocols"),
        (connect("ws://a").subprotocols(["a", "a"]), "subprotocols"),
        (connect("ws://a").timeout(Duration::ZERO), "timeout"),
        (connect("ws://a").fragment_size(0), "fragment_size"),
        (
            connect("ws://a").phase_timeout(Phase::Tls, Duration::ZERO),
            "phase_timeout",
        ),
        (
            connect("ws://a").phase_timeout(Phase::Open, Duration::MAX),
            "phase_timeout",
        ),
        (
            connect("ws://a").tcp_keepalive(Duration::ZERO),
            "tcp_keepalive",
        ),
        (
            connect("ws://a").tcp_user_timeout(Duration::ZERO),
            "tcp_user_timeout",
        ),
        (
            Client::builder().bearer("").build().connect("ws://a"),
            "bearer",
        ),
        (
            Client::builder().fragment_size(0).build().connect("ws://a"),
            "fragment_size",
        ),
    ] {
        let error = complaint(connect);
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains(named), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    let error = complaint(connect("http://a").header("x-a", "\n"));
    assert_eq!(error.kind(), ErrorKind::Url);
}

#[test]
fn no_number_of_fields_panics() {
    let many = |from: usize| {
        (from..from + 20_000).fold(Client::builder(), |builder, at| {
            builder.header(format!("x-{at}"), "1")
        })
    };
    let client = many(0).build();
    let connect = (20_000..40_000).fold(client.connect("ws://u:p@a"), |connect, at| {
        connect.header(format!("x-{at}"), "1")
    });
    let error = complaint(connect);
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("too many"), "{error}");
    let error = complaint((0..40_000).fold(connect_to_a(), |connect, at| {
        connect.header(format!("x-{at}"), "1")
    }));
    assert!(error.to_string().contains("too many"), "{error}");
}

/// Through no proxy that the environment may name.
fn direct(mut connect: Connect) -> Connect {
    connect.client = Client::builder().build();
    let shared = Arc::get_mut(&mut connect.client.0).unwrap();
    shared.options.dialling.proxy = None;
    connect
}

fn connect_to_a() -> Connect {
    connect("ws://a")
}

#[test]
fn debug_shows_no_secrets() {
    let connect = connect("ws://us3r:s3cret@a/?token=t0ken")
        .bearer("t0ken")
        .header("cookie", "s3cret");
    let shown = format!(
        "{connect:?} {:?}",
        Client::builder().bearer("t0ken").build()
    );
    for secret in ["us3r", "s3cret", "t0ken"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(
        shown.contains("cookie") && shown.contains("ws://a:80/"),
        "{shown}"
    );
}

#[test]
fn debug_shows_what_the_client_and_the_connection_have_set() {
    let client = Client::builder().header("x-of-client", "1").build();
    let plain = format!("{:?}", client.connect("ws://a"));
    let own = format!("{:?}", client.connect("ws://a").header("x-own", "1"));
    assert!(plain.contains("x-of-client"), "{plain}");
    assert!(
        own.contains("x-of-client") && own.contains("x-own"),
        "{own}"
    );
}

#[tokio::test]
async fn over_refuses_what_belongs_to_dialling() {
    let resolver = |_, _| async { Ok(Vec::new()) };
    let a = || connect("ws://a");
    for (connect, named) in [
        (a().resolver(resolver), "resolver"),
        (a().resolve("a", [([127, 0, 0, 1], 1)]), "resolve"),
        (a().local_address([127, 0, 0, 1]), "local_address"),
        (a().nodelay(true), "nodelay"),
        (a().tcp_keepalive(Duration::from_secs(1)), "tcp_keepalive"),
    ] {
        let error = connect.over(tokio::io::duplex(64).0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(named), "{error}");
    }

    // What a client has for its other connections does not matter.
    let client = Client::builder()
        .resolver(resolver)
        .timeout(Duration::from_millis(10))
        .build();
    let (near, _far) = tokio::io::duplex(4096);
    let error = client.connect("ws://a").over(near).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_connection_can_be_made_on_a_task_of_its_own() {
    let task = tokio::spawn(connect("ws://a#fragment").into_future());
    assert_eq!(task.await.unwrap().unwrap_err().kind(), ErrorKind::Url);
}

#[tokio::test]
async fn a_connection_goes_from_the_url_to_the_first_message() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        assert!(
            request.contains("\r\nAuthorization: Basic dTpw\r\n"),
            "{request}"
        );
        // The first frame comes in the same segment as the 101, the second half of it later.
        let opening = [switching(&request).as_bytes(), b"\x81\x02h"].concat();
        stream.write_all(&opening).await.unwrap();
        stream.write_all(b"i").await.unwrap();
        stream
    };
    let url = format!("ws://u:p@127.0.0.1:{port}/feed");
    let (ws, _stream) = tokio::join!(direct(connect(url)).into_future(), server);
    let mut ws = ws.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap().as_text(), Some("hi"));
    assert_eq!(ws.handshake().response().status(), 101);
    assert_eq!(ws.handshake().report().attempts.len(), 1);
}

#[tokio::test]
async fn a_streams_owner_gets_it_back_as_a_connection_even_for_wss() {
    let (near, mut far) = tokio::io::duplex(4096);
    let server = async {
        let request = read_request(&mut far).await;
        assert!(request.contains("\r\nHost: example.com\r\n"), "{request}");
        let opening = [switching(&request).as_bytes(), b"\x82\x01!"].concat();
        far.write_all(&opening).await.unwrap();
    };
    let connecting = connect("wss://example.com/feed").over(near).into_future();
    let (ws, ()) = tokio::join!(connecting, server);
    let message = ws.unwrap().next().await.unwrap().unwrap();
    assert_eq!(message.as_bytes(), b"!");
}

#[tokio::test]
async fn the_longest_limit_is_no_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        stream
            .write_all(switching(&request).as_bytes())
            .await
            .unwrap();
    };
    let connect = direct(connect(format!("ws://{address}"))).timeout(Duration::MAX);
    let (ws, ()) = tokio::join!(connect.into_future(), server);
    assert!(ws.is_ok());
}
