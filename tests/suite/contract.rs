//! A program that uses every name the crate promises, and finds each of the promised shape.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt::Debug;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::time::Duration;

use futures::{Sink, SinkExt, Stream, StreamExt};
use longwire::bytes::{Bytes, BytesMut};
use longwire::{
    Client, CloseCode, CloseInfo, Config, Connect, ControlFrame, Error, ErrorKind, Frame,
    FrameCodec, Message, Opcode, Over, Phase, Side, Transport, Utf8Bytes, WsStream, http,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::codec::Framed;

use crate::support::run::real;
use crate::support::scripted::{Peer, Server};
use crate::support::wire::{self, close, ping, text};

const fn is_send<T: Send>() {}
const fn is_shared<T: Send + Sync + Unpin + 'static>() {}
const fn is_duplex<T>()
where
    T: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error>,
{
}

const _: () = {
    is_shared::<WsStream>();
    is_shared::<WsStream<DuplexStream>>();
    is_shared::<Transport>();
    is_shared::<Error>();
    is_shared::<Client>();
    is_shared::<Config>();
    is_shared::<Message>();
    is_send::<Connect>();
    is_send::<Connect<Over<DuplexStream>>>();
    is_send::<<Connect as IntoFuture>::IntoFuture>();
    is_duplex::<WsStream>();
    is_duplex::<WsStream<DuplexStream>>();
    assert!(size_of::<Error>() == size_of::<usize>());
};

/// A server that says hello to one client, takes its words, and closes with 1000.
async fn greeter() -> Server {
    Server::start(|mut peer| async move {
        peer.switch().await;
        peer.send(wire::concat([&ping("p"), &text("hello")])).await;
        peer.expect(wire::PONG, "p").await;
        peer.answer_close(1000).await;
        peer.expect_end().await;
    })
    .await
}

#[test]
fn connect_takes_every_kind_of_url_and_is_a_future() {
    real(async {
        for kind in 0..5 {
            let server = greeter().await;
            let url = server.url();
            let mut ws: WsStream = match kind {
                0 => longwire::connect(&*url).await,
                1 => longwire::connect(url).await,
                2 => longwire::connect(url.parse::<http::Uri>().unwrap()).await,
                3 => longwire::connect(http::Request::get(url).body(()).unwrap()).await,
                _ => tokio::spawn(longwire::connect(url).into_future())
                    .await
                    .unwrap(),
            }
            .unwrap();
            let first = ws.next().await.unwrap().unwrap();
            assert_eq!(format!("{first}"), "hello");
            let info: CloseInfo = ws.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(info.clean);
            server.done().await;
        }
    });
}

#[test]
fn every_setter_is_there_and_works_for_one_connection_and_for_a_client() {
    real(async {
        let server = greeter().await;
        let address = server.address;
        let resolver = move |_: String, _: u16| async move { Ok(vec![address]) };
        let connect = longwire::connect(format!("ws://anywhere.example:{}/", address.port()))
            .header("x-one", "1")
            .bearer("token")
            .basic("user", "password")
            .origin("https://app.example")
            .subprotocols(["a", "b"])
            .timeout(Duration::from_secs(5))
            .close_timeout(Duration::from_secs(5))
            .max_message_size(1 << 20)
            .max_frame_size(1 << 20)
            .write_high_water(1 << 16)
            .resolver(resolver)
            .on_control(|frame: ControlFrame<'_>| drop(format!("{frame:?}")));
        let mut ws = connect.await.unwrap();
        assert!(ws.next().await.unwrap().is_ok());
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        server.done().await;

        let server = greeter().await;
        let address = server.address;
        let client: Client = Client::builder()
            .header("x-one", "1")
            .bearer("token")
            .origin("https://app.example")
            .subprotocols(["a", "b"])
            .timeout(Duration::from_secs(5))
            .close_timeout(Duration::from_secs(5))
            .max_message_size(1 << 20)
            .max_frame_size(1 << 20)
            .write_high_water(1 << 16)
            .resolver(
                move |_: String, _: u16| async move { Ok::<_, std::io::Error>(vec![address]) },
            )
            .build();
        let copy = client.clone();
        let mut ws = copy.connect("ws://anywhere.example/").await.unwrap();
        assert!(ws.next().await.unwrap().is_ok());
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        server.done().await;
        drop(client);
    });
}

#[test]
fn every_method_of_an_open_stream_is_there() {
    real(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let mut peer = Peer::new(far);
        let connect: Connect<Over<DuplexStream>> =
            longwire::connect("ws://server.example/").over(near);
        let (ws, _) = tokio::join!(connect.into_future(), peer.switch());
        let mut ws: WsStream<DuplexStream> = ws.unwrap();

        let nothing: [Result<(), Error>; 10] = [
            ws.send("1").await,
            ws.send(vec![2]).await,
            ws.feed(String::from("3")).await,
            ws.feed(b"4").await,
            ws.send_text("5").await,
            ws.send_binary(&[6]).await,
            ws.feed_text("7").await,
            ws.feed_binary(&[8]).await,
            ws.ping("9").await,
            ws.flush().await,
        ];
        for (at, done) in nothing.into_iter().enumerate() {
            done.unwrap_or_else(|error| panic!("call {at}: {error}"));
        }
        for number in 0..9 {
            assert!(peer.next().await.is_some(), "frame {number}");
        }
        assert_eq!(ws.handshake().subprotocol(), None);
        assert_eq!(ws.handshake().response().status(), 101);
        assert_eq!(ws.stats().sent.messages, 8);
        assert_eq!(ws.stats().sent.pings, 1);
        assert_eq!(ws.close_info(), None);
        assert!(!format!("{ws:?}").is_empty());

        peer.send(text("last").bytes()).await;
        ws.start_close(CloseCode::GOING_AWAY, "bye").await.unwrap();
        let message: Option<Result<Message, Error>> = ws.next().await;
        assert_eq!(message.unwrap().unwrap(), Message::from("last"));
        peer.send(close(1001, "").bytes()).await;
        peer.finish().await;
        assert!(ws.next().await.is_none());
        assert!(
            ws.close_info()
                .is_some_and(|info| info.by == Side::Client && info.clean)
        );
    });
}

#[test]
fn a_stream_that_somebody_else_has_opened_goes_on_where_they_stopped() {
    real(async {
        let (near, mut far) = tokio::io::duplex(1 << 10);
        let bytes = wire::concat([&text("read already"), &text("and not")]);
        let (already, rest) = bytes.split_at(7);
        far.write_all(rest).await.unwrap();
        let config = Config::default()
            .max_message_size(1_000)
            .max_frame_size(1_000)
            .write_high_water(1_000)
            .fragment_size(100)
            .close_timeout(Duration::from_secs(1));
        let mut ws = WsStream::from_upgraded(near, Bytes::copy_from_slice(already), config);
        for expected in ["read already", "and not"] {
            assert_eq!(ws.next().await.unwrap().unwrap().as_text(), Some(expected));
        }
    });
}

#[test]
fn a_setting_that_cannot_work_is_said_once_and_by_name() {
    real(async {
        let error = longwire::connect("ws://127.0.0.1:1/")
            .timeout(Duration::ZERO)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("timeout"), "{error}");
        let (near, _far) = tokio::io::duplex(1 << 10);
        let config = Config::default().fragment_size(0);
        let mut ws = WsStream::from_upgraded(near, Bytes::new(), config);
        let error = ws.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("fragment_size"), "{error}");
        assert!(ws.next().await.is_none());
    });
}

#[test]
fn messages_come_from_and_go_to_what_programs_have() {
    let texts: [Message; 3] = [
        "a".into(),
        String::from("a").into(),
        Utf8Bytes::from("a").into(),
    ];
    for message in texts {
        // Exhaustive: two variants, for ever.
        match &message {
            Message::Text(text) => assert_eq!(&**text, "a"),
            Message::Binary(bytes) => panic!("{bytes:?}"),
        }
        assert_eq!(
            (message.as_text(), message.as_bytes()),
            (Some("a"), &b"a"[..])
        );
        assert_eq!((message.len(), message.to_string()), (1, "a".to_owned()));
        assert_eq!(message.into_bytes(), Bytes::from_static(b"a"));
    }
    let slice: &'static [u8] = b"\xff\x00";
    let binaries: [Message; 5] = [
        slice.to_vec().into(),
        Bytes::from_static(slice).into(),
        BytesMut::from(slice).into(),
        slice.into(),
        b"\xff\x00".into(),
    ];
    for message in binaries {
        assert_eq!((message.as_text(), message.as_bytes()), (None, slice));
        assert_eq!(message.to_string(), "<2 bytes>");
    }
    let text = Utf8Bytes::from("über");
    let shared = text.clone();
    let as_str: &str = &shared;
    assert_eq!(as_str.chars().count(), 4);
    assert!(Utf8Bytes::try_from(Bytes::from_static(b"\xff\xfe")).is_err());
}

#[test]
fn close_codes_are_numbers_with_names() {
    let named = [
        (CloseCode::NORMAL, 1000),
        (CloseCode::GOING_AWAY, 1001),
        (CloseCode::PROTOCOL_ERROR, 1002),
        (CloseCode::UNSUPPORTED, 1003),
        (CloseCode::INVALID_PAYLOAD, 1007),
        (CloseCode::POLICY, 1008),
        (CloseCode::TOO_BIG, 1009),
        (CloseCode::INTERNAL, 1011),
        (CloseCode::RESTART, 1012),
        (CloseCode::TRY_AGAIN, 1013),
    ];
    for (code, number) in named {
        assert_eq!(u16::from(code), number);
        assert_eq!(CloseCode::from(number), code);
    }
    assert_eq!(u16::from(CloseCode(4999)), 4999);
    let CloseInfo {
        by,
        code,
        reason,
        clean,
    } = CloseInfo {
        by: Side::Server,
        code: None,
        reason: Utf8Bytes::from(""),
        clean: true,
    };
    assert!(by == Side::Server && code.is_none() && reason.is_empty() && clean);
}

#[test]
fn an_error_says_everything_there_is_to_say() {
    real(async {
        let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let error: Error = longwire::connect("ws://nobody.example:1/")
            .resolver(move |_: String, _: u16| async move { Ok(vec![address]) })
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Connect, Phase::Connect)
        );
        assert!(error.is_retryable() && !error.is_timeout());
        assert!(error.response().is_none() && error.retry_after().is_none());
        assert!(error.close_info().is_none());
        let report = error.report().expect("a report of the attempts");
        assert_eq!(report.addresses, [address]);
        assert_eq!(report.attempts.len(), 1);
        let dynamic: Box<dyn StdError + Send + Sync> = Box::new(error);
        assert!(dynamic.downcast_ref::<Error>().is_some());
    });
}

#[test]
fn the_kinds_and_phases_of_errors_have_their_names() {
    let kinds = [
        ErrorKind::Url,
        ErrorKind::Config,
        ErrorKind::Resolve,
        ErrorKind::Connect,
        ErrorKind::Proxy,
        ErrorKind::Tls,
        ErrorKind::Refused,
        ErrorKind::Redirect,
        ErrorKind::Handshake,
        ErrorKind::Timeout,
        ErrorKind::Protocol,
        ErrorKind::Utf8,
        ErrorKind::Deflate,
        ErrorKind::TooLarge,
        ErrorKind::Reset,
        ErrorKind::NoPong,
        ErrorKind::Stalled,
        ErrorKind::Idle,
        ErrorKind::SlowConsumer,
        ErrorKind::Closed,
        ErrorKind::Io,
    ];
    let phases = [
        Phase::Resolve,
        Phase::Connect,
        Phase::Proxy,
        Phase::Tls,
        Phase::Upgrade,
        Phase::Open,
        Phase::Closing,
    ];
    assert_eq!(all_different(&kinds), 21);
    assert_eq!(all_different(&phases), 7);
}

fn all_different<T: Debug>(values: &[T]) -> usize {
    let names: HashMap<String, &T> = values
        .iter()
        .map(|value| (format!("{value:?}"), value))
        .collect();
    names.len()
}

#[test]
fn the_codec_works_in_anybodys_framed() {
    real(async {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let mut frames = Framed::new(near, FrameCodec::new());
        far.write_all(&wire::concat([&text("half").more(), &ping("p")]))
            .await
            .unwrap();
        let frame = frames.next().await.unwrap().unwrap();
        assert_eq!(
            (frame.fin, frame.opcode, &frame.payload[..]),
            (false, Opcode::Text, &b"half"[..])
        );
        let frame = frames.next().await.unwrap().unwrap();
        assert_eq!(
            (frame.fin, frame.opcode, &frame.payload[..]),
            (true, Opcode::Ping, &b"p"[..])
        );
        frames
            .send(Frame::new(Opcode::Binary, vec![7; 300]))
            .await
            .unwrap();
        let mut bytes = vec![0; 1_000];
        let size = far.read(&mut bytes).await.unwrap();
        let mut parsed = wire::ClientFrames::default();
        parsed.push(&bytes[..size]);
        let frame = parsed.next().unwrap();
        assert_eq!((frame.fin, frame.opcode), (true, wire::BINARY));
        assert_eq!(frame.payload, [7; 300]);
        far.write_all(&text("x").rsv(1).bytes()).await.unwrap();
        let error = frames.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    });
}
