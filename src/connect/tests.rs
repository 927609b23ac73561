//! The pipeline against servers that are written against raw bytes.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::*;
use crate::error::ErrorKind;

pub(super) fn plan(url: &str) -> Plan<'static> {
    let target = Target::parse(url).unwrap();
    Plan {
        offer: Offer {
            headers: Box::leak(Box::default()),
            subprotocols: &[],
            deflate: None,
        },
        target: Box::leak(Box::new(target)),
        limits: limits(Duration::from_secs(5)),
        cookies: None,
    }
}

pub(super) fn limits(whole: Duration) -> &'static Limits {
    let mut limits = Limits::default();
    limits.set_whole(whole);
    Box::leak(Box::new(limits))
}

/// Dials with this resolver and these means of TLS, and nothing else that is special.
pub(super) async fn dial_with(
    plan: &Plan<'_>,
    resolver: &dyn Resolve,
    tls: Option<&tls::Connector>,
) -> Result<(Transport, Opened), Error> {
    let means = Means {
        resolver,
        fixed: &[],
        sockets: SocketOptions::default(),
        proxy: None,
        tls: &|| tls.cloned().ok_or_else(|| Error::config("no TLS")),
        redirects: Redirects::default(),
    };
    dial(plan, &means).await
}

/// Reads the request up to its empty line.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(request).unwrap()
}

/// The 101 that answers a request.
pub(crate) fn switching(request: &str) -> String {
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .unwrap();
    let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let accept = STANDARD.encode(digest);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// A server for one connection on TCP, which does what `serve` says and keeps the stream open.
async fn server<F>(
    serve: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> (SocketAddr, JoinHandle<()>)
where
    F: Future<Output = TcpStream> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = serve(stream).await;
        // Until the client is gone.
        let _ = stream.read_u8().await;
    });
    (address, task)
}

/// What a client makes of `response`, sent over a pipe whose other end is then closed if `then_close`.
async fn over_pipe(response: &[u8], then_close: bool) -> Result<Opened, Error> {
    let (mut near, mut far) = tokio::io::duplex(1 << 20);
    let response = response.to_vec();
    let server = async move {
        read_request(&mut far).await;
        far.write_all(&response).await.unwrap();
        if then_close {
            drop(far);
            return None;
        }
        Some(far)
    };
    let plan = plan("ws://pipe/feed?token=s3cret");
    let (opened, _far) = tokio::join!(over(&plan, &mut near), server);
    opened
}

async fn error_over_pipe(response: &[u8], then_close: bool) -> Error {
    match over_pipe(response, then_close).await {
        Ok(_) => panic!("{} was accepted", response.escape_ascii()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_connection_is_dialled_and_keeps_what_comes_behind_the_101() {
    let (address, _task) = server(|mut stream| async move {
        let request = read_request(&mut stream).await;
        assert!(request.starts_with("GET /feed?x=1 HTTP/1.1\r\nHost: localhost:"));
        let response = switching(&request) + "\u{1}\u{2}hi";
        stream.write_all(response.as_bytes()).await.unwrap();
        stream
    })
    .await;
    let plan = plan(&format!("ws://localhost:{}/feed?x=1", address.port()));
    let fixed = move |_, _| async move { Ok(vec![address]) };
    let (stream, opened) = dial_with(&plan, &fixed, None).await.unwrap();
    assert_eq!(opened.read_already, &b"\x01\x02hi"[..]);
    assert_eq!(stream.peer_addr().unwrap(), address);
    assert!(!stream.is_tls());
    let report = opened.handshake.report();
    assert_eq!(report.peer(), Some(address));
    assert!(report.resolve.is_some() && report.upgrade.is_some() && report.tls.is_none());
}

#[tokio::test]
async fn every_address_is_tried_and_every_failure_kept() {
    let (address, _task) = server(|mut stream| async move {
        let request = read_request(&mut stream).await;
        let response = switching(&request);
        stream.write_all(response.as_bytes()).await.unwrap();
        stream
    })
    .await;
    let dead = dead_addresses(3).await;
    let all = [dead.clone(), vec![address]].concat();
    let resolver = move |_, _| {
        let all = all.clone();
        async move { Ok(all) }
    };
    let (_, opened) = dial_with(&plan("ws://name"), &resolver, None)
        .await
        .unwrap();
    let attempts = &opened.handshake.report().attempts;
    let tried: Vec<_> = attempts.iter().map(|attempt| attempt.address).collect();
    assert_eq!(tried, [dead, vec![address]].concat());
    assert!(attempts[..3].iter().all(|attempt| attempt.error.is_some()));
    assert_eq!(attempts[3].error, None);
}

#[tokio::test]
async fn when_no_address_answers_the_error_lists_them() {
    let dead = dead_addresses(10).await;
    let all = dead.clone();
    let resolver = move |_, _| {
        let all = all.clone();
        async move { Ok(all) }
    };
    let error = dial_with(&plan("ws://name"), &resolver, None)
        .await
        .err()
        .unwrap();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Phase::Connect)
    );
    assert!(error.is_retryable());
    let shown = error.to_string();
    assert!(
        shown.starts_with("ws://name:80/: no address could be reached by TCP: 127."),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("{}: Connection refused", dead[7])),
        "{shown}"
    );
    assert!(!shown.contains(&dead[8].to_string()), "{shown}");
    assert!(shown.ends_with("and 2 more"), "{shown}");
    assert_eq!(error.report().unwrap().attempts.len(), 10);
    assert!(error.source().unwrap().is::<io::Error>());
}

/// Addresses where nobody listens.
async fn dead_addresses(count: usize) -> Vec<SocketAddr> {
    let mut listeners = Vec::new();
    for _ in 0..count {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap())
        .collect()
}

#[tokio::test]
async fn what_the_resolver_says_decides() {
    let plan = plan("ws://nowhere.example:1/");
    let none = |_, _| async { Ok(Vec::new()) };
    let error = dial_with(&plan, &none, None).await.err().unwrap();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Resolve, Phase::Resolve)
    );
    assert!(
        error
            .to_string()
            .contains("nowhere.example has no addresses")
    );

    let fails = |_, _| async { Err(io::Error::other("no such host")) };
    let error = dial_with(&plan, &fails, None).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Resolve);
    assert_eq!(
        error.to_string(),
        "ws://nowhere.example:1/: the host name nowhere.example could not be resolved: no such host"
    );
}

#[tokio::test]
async fn addresses_in_the_url_are_not_resolved() {
    let (address, _task) = server(|mut stream| async move {
        let request = read_request(&mut stream).await;
        stream
            .write_all(switching(&request).as_bytes())
            .await
            .unwrap();
        stream
    })
    .await;
    let never = |_, _| async { panic!("the resolver was asked") };
    let (_, opened) = dial_with(&plan(&format!("ws://{address}")), &never, None)
        .await
        .unwrap();
    assert_eq!(opened.handshake.report().resolve, None);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_names_its_phase_the_target_and_the_limit() {
    let plan = plan("ws://name.example/feed?token=s3cret");
    let never = |_, _| std::future::pending();
    let error = dial_with(&plan, &never, None).await.err().unwrap();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Timeout, Phase::Resolve)
    );
    assert!(error.is_timeout() && error.is_retryable());
    assert_eq!(
        error.to_string(),
        "ws://name.example:80/feed: the connect deadline of 5s passed in resolving the host name, \
         5.0s after that had begun: the resolver has not answered"
    );

    let (mut near, mut far) = tokio::io::duplex(4096);
    let error = over(&plan, &mut near).await.err().unwrap();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Timeout, Phase::Upgrade)
    );
    assert!(
        error
            .to_string()
            .ends_with("after that had begun: the server has sent nothing")
    );
    assert!(
        read_request(&mut far)
            .await
            .starts_with("GET /feed?token=s3cret ")
    );

    let (mut near, mut far) = tokio::io::duplex(4096);
    far.write_all(b"HTTP/1.1 101 Switch").await.unwrap();
    let error = over(&plan, &mut near).await.err().unwrap();
    assert!(
        error.to_string().ends_with("not complete after 19 bytes"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_drip_of_bytes_does_not_push_the_deadline() {
    let (mut near, mut far) = tokio::io::duplex(4096);
    let drip = async move {
        for byte in b"HTTP/1.1 101 ".iter().chain(std::iter::repeat(&b'x')) {
            if far.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let began = Instant::now();
    let plan = plan("ws://a");
    // The stream goes with the attempt, as a caller's does, and ends the drip.
    let opening = async move { over(&plan, &mut near).await };
    let (opened, ()) = tokio::join!(opening, drip);
    assert_eq!(opened.err().unwrap().kind(), ErrorKind::Timeout);
    assert!(began.elapsed() <= Duration::from_secs(6));
}

#[tokio::test]
async fn a_refusal_carries_the_whole_response() {
    let error = error_over_pipe(
        b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 9\r\n\r\nslow down",
        false,
    )
    .await;
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Refused, Phase::Upgrade)
    );
    let response = error.response().unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.body(), &"slow down");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    let shown = error.to_string();
    assert!(
        shown.starts_with("ws://pipe:80/feed: the server refused"),
        "{shown}"
    );
    assert!(
        shown.contains("429") && shown.ends_with("slow down"),
        "{shown}"
    );
    assert!(!format!("{error:?}").contains("s3cret"));
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_refusal_may_come_late_but_not_for_ever() {
    let (mut near, mut far) = tokio::io::duplex(4096);
    let late = async move {
        read_request(&mut far).await;
        far.write_all(b"HTTP/1.1 503 Down\r\n\r\nback")
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        far.write_all(b" soon").await.unwrap();
        far
    };
    let began = Instant::now();
    let plan = plan("ws://a");
    let (opened, _far) = tokio::join!(over(&plan, &mut near), late);
    let error = opened.err().unwrap();
    assert_eq!(error.response().unwrap().body(), &"back soon");
    assert_eq!(began.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_cuts_the_body_but_not_the_refusal() {
    let (mut near, mut far) = tokio::io::duplex(4096);
    let mut plan = plan("ws://a");
    plan.limits = limits(Duration::from_secs(2));
    let late = async move {
        tokio::time::sleep(Duration::from_millis(1700)).await;
        far.write_all(b"HTTP/1.1 403 No\r\n\r\nbecause")
            .await
            .unwrap();
        far
    };
    let began = Instant::now();
    let (opened, _far) = tokio::join!(over(&plan, &mut near), late);
    let error = opened.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.response().unwrap().body(), &"because");
    assert!(began.elapsed() <= Duration::from_millis(2010));
}

#[tokio::test]
async fn an_endless_body_is_cut_at_its_limit() {
    let head = b"HTTP/1.1 500 Oops\r\n\r\n".to_vec();
    let error = error_over_pipe(&[head, vec![b'x'; 200_000]].concat(), false).await;
    assert_eq!(error.response().unwrap().body().len(), 64 << 10);
}

#[tokio::test]
async fn the_end_of_the_stream_at_every_byte_of_the_head_is_an_error_at_once() {
    let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    for cut in 0..head.len() {
        let error = error_over_pipe(&head[..cut], true).await;
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Io, Phase::Upgrade),
            "{cut}"
        );
        let expected = match cut {
            0 => "closed the connection without an answer".to_owned(),
            _ => format!("closed the connection after {cut} bytes of its response"),
        };
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[tokio::test]
async fn a_bad_response_is_an_error_of_kind_handshake_at_once() {
    for (response, found) in [
        (&b"\x15\x03\x01\x00\x02\x02\x46"[..], "use wss://"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "use wss://"),
        (b"SSH-2.0-x\r\n", "SSH-2.0-x"),
        (b"HTTP/1.1 101 S\r\n\r\n", "Upgrade"),
        (
            b"HTTP/1.1 101 S\r\nUpgrade websocket\r\n\r\n",
            "proper name",
        ),
    ] {
        let error = error_over_pipe(response, false).await;
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Handshake, Phase::Upgrade)
        );
        assert!(error.to_string().contains(found), "{error}");
        assert!(error.source().unwrap().is::<crate::error::HandshakeError>());
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_refusal_counts_though_the_request_was_never_read() {
    let (address, _task) = server(|mut stream| async move {
        stream
            .write_all(b"HTTP/1.1 431 Big\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        stream
    })
    .await;
    let mut plan = plan(&format!("ws://{address}"));
    let value = "x".repeat(60_000).parse().unwrap();
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-large"), value)]);
    plan.offer.headers = &headers;
    let error = dial_with(&plan, &SystemResolver, None).await.err().unwrap();
    assert_eq!(error.response().unwrap().status(), 431);
}

#[tokio::test]
async fn every_attempt_has_a_key_of_its_own() {
    let mut requests = Vec::new();
    for _ in 0..2 {
        let (mut near, mut far) = tokio::io::duplex(4096);
        let plan = plan("ws://a");
        let server = async {
            let request = read_request(&mut far).await;
            far.write_all(switching(&request).as_bytes()).await.unwrap();
            request
        };
        let (opened, request) = tokio::join!(over(&plan, &mut near), server);
        opened.unwrap();
        requests.push(request);
    }
    assert_ne!(requests[0], requests[1]);
}

#[tokio::test]
async fn a_reset_in_the_opening_handshake_is_the_networks_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        // Closing a socket with unread bytes in it resets the connection.
        stream.peek(&mut [0]).await.unwrap();
        drop(stream);
    };
    let plan = plan(&format!("ws://{address}"));
    let (opened, ()) = tokio::join!(dial_with(&plan, &SystemResolver, None), server);
    let error = opened.err().unwrap();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Io, Phase::Upgrade)
    );
    assert!(error.is_retryable());
    let shown = error.to_string();
    assert!(shown.contains("lost before the server answered"), "{shown}");
}

#[tokio::test]
async fn a_dropped_attempt_closes_its_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let plan = plan(&format!("ws://{address}"));
    // Half a response, so that the attempt is dropped in the middle of reading.
    for response in [
        &b""[..],
        b"HTTP/1.1 101 Switching",
        b"HTTP/1.1 403 No\r\n\r\nbecau",
    ] {
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(response).await.unwrap();
            stream
        };
        let mut stream = tokio::select! {
            biased;
            _ = dial_with(&plan, &SystemResolver, None) => panic!("the attempt ended by itself"),
            stream = server => stream,
        };
        let end = timeout(Duration::from_secs(5), stream.read_u8()).await;
        assert!(end.unwrap().is_err(), "after {}", response.escape_ascii());
    }
}
