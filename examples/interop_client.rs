//! Asserts what servers written by others send us, and what they say we sent them.
//! `tests/interop/run` starts the servers; `tests/interop/servers/behaviours.md` says what they do.
//!
//! `interop_client FOLDER [OPTION+OPTION:]NAME=URL...`, with these options: `deflate` asks for compression, which the
//! server must agree to and use; `certificate` shows ours, without which the server must refuse; `without-pieces` leaves
//! out the checks with fragments of the server, `echo` all but those of its echo. In the folder are `ca.pem`, `client.pem`
//! and `client.key`.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use longwire::{
    Client, CloseCode, CloseInfo, Compress, Connect, Deflate, ErrorKind, Message, SendOptions,
    Side, Tls, WsStream,
};

type Outcome = Result<(), Box<dyn Error>>;
type Check = fn(Server) -> BoxFuture<'static, Outcome>;

/// A check that takes longer hangs; 16 MiB through a Python server take about a second.
const DEADLINE: Duration = Duration::from_secs(60);

const CHECKS_OF_ECHO: &[(&str, Check)] = &[
    ("a text comes back", |s| echo(s, "hello").boxed()),
    ("an empty text comes back", |s| echo(s, "").boxed()),
    ("an empty binary message comes back", |s| {
        echo(s, Vec::new()).boxed()
    }),
    ("125, 126, 65535 and 65536 bytes come back", |s| {
        length_forms(s).boxed()
    }),
    ("8 KiB of text in four scripts come back", |s| {
        echo(s, text(8 << 10)).boxed()
    }),
    ("300 KiB come back", |s| echo(s, binary(300 << 10)).boxed()),
    ("16 MiB come back", |s| echo(s, binary(16 << 20)).boxed()),
    ("1000 messages come back in order", |s| in_order(s).boxed()),
    ("1 MiB come back that we send in fragments", |s| {
        fragments(s).boxed()
    }),
    ("each message comes back, compressed or not", |s| {
        choices(s).boxed()
    }),
];

const CHECKS_OF_BEHAVIOUR: &[(&str, Check)] = &[
    ("three pings are answered", |s| pings(s).boxed()),
    ("we close with 4001", |s| client_closes(s).boxed()),
    ("the server closes with 3001", |s| server_closes(s).boxed()),
    ("a header and a subprotocol arrive", |s| request(s).boxed()),
    ("a refusal tells status and body", |s| refusal(s).boxed()),
];

const CHECKS_WITH_PIECES: &[(&str, Check)] = &[
    ("a fragmented text with pings between the fragments", |s| {
        pieces(s, text(8 << 10)).boxed()
    }),
    (
        "a fragmented binary message with pings between the fragments",
        |s| pieces(s, binary(300 << 10)).boxed(),
    ),
];

const CHECKS_OF_CERTIFICATE: &[(&str, Check)] =
    &[("without our certificate we are refused", |s| {
        anonymous(s).boxed()
    })];

#[derive(Clone)]
struct Server {
    /// A client without a certificate of its own.
    anonymous: Client,
    client: Client,
    name: String,
    url: String,
    deflate: bool,
}

impl Server {
    async fn open(&self, path: &str) -> Result<WsStream, longwire::Error> {
        self.open_with(path, |connect| connect).await
    }

    async fn open_with(
        &self,
        path: &str,
        settings: impl FnOnce(Connect) -> Connect,
    ) -> Result<WsStream, longwire::Error> {
        let mut connect = self.client.connect(format!("{}{path}", self.url));
        if self.deflate {
            connect = connect.deflate(Deflate::default());
        }
        let ws = settings(connect).await?;
        assert_eq!(
            ws.handshake().deflate().is_some(),
            self.deflate,
            "compression"
        );
        Ok(ws)
    }

    /// What the server noted for a name. It answers as soon as there is something.
    async fn noted(&self, name: &str) -> Result<String, Box<dyn Error>> {
        let mut ws = self.open(&format!("/noted/{name}")).await?;
        let noted = receive(&mut ws).await?;
        let text = noted.as_text().ok_or("the note is no text")?;
        Ok(text.to_owned())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("where are the certificates?")?);
    let tls = Tls::default().add_root_pem_file(folder.join("ca.pem"));
    let anonymous = Client::builder().tls(tls.clone()).build();
    let tls = tls.client_cert_pem_file(folder.join("client.pem"), folder.join("client.key"));
    let known = Client::builder().tls(tls).build();
    let (mut passed, mut failed) = (0, 0);
    for argument in arguments {
        let (server, url) = argument.split_once('=').ok_or("a server is NAME=URL")?;
        let (options, name) = server.split_once(':').unwrap_or(("", server));
        let has = |option| options.split('+').any(|given| given == option);
        let server = Server {
            client: if has("certificate") {
                known.clone()
            } else {
                anonymous.clone()
            },
            anonymous: anonymous.clone(),
            name: name.to_owned(),
            url: url.to_owned(),
            deflate: has("deflate"),
        };
        let mut checks = CHECKS_OF_ECHO.to_vec();
        if has("certificate") {
            checks.extend(CHECKS_OF_CERTIFICATE);
        }
        if !has("echo") {
            checks.extend(CHECKS_OF_BEHAVIOUR);
            if !has("without-pieces") {
                checks.extend(CHECKS_WITH_PIECES);
            }
        }
        for (what, check) in checks {
            let started = Instant::now();
            let outcome = tokio::time::timeout(DEADLINE, check(server.clone())).await;
            let milliseconds = started.elapsed().as_millis();
            match outcome.unwrap_or_else(|_| Err("did not end in time".into())) {
                Ok(()) => {
                    passed += 1;
                    println!("ok      {name}: {what} ({milliseconds} ms)");
                }
                Err(error) => {
                    failed += 1;
                    println!("FAILED  {name}: {what} ({milliseconds} ms): {error}");
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 && passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn echo(server: Server, message: impl Into<Message>) -> Outcome {
    let message = message.into();
    let mut ws = server.open("/echo").await?;
    ws.send(message.clone()).await?;
    expect(&mut ws, &message).await?;
    end(ws).await
}

/// The longest length of each of the three forms, and the shortest of the next (RFC 6455 §5.2).
async fn length_forms(server: Server) -> Outcome {
    let mut ws = server.open("/echo").await?;
    for length in [125, 126, 65_535, 65_536] {
        let payload = binary(length);
        ws.send_binary(&payload).await?;
        expect(&mut ws, &payload.into()).await?;
    }
    end(ws).await
}

async fn in_order(server: Server) -> Outcome {
    let mut ws = server.open("/echo").await?;
    for number in 0..1000 {
        ws.feed_text(&format!("message {number}")).await?;
    }
    ws.flush().await?;
    for number in 0..1000 {
        expect(&mut ws, &format!("message {number}").into()).await?;
    }
    end(ws).await
}

/// The server joins what we cut, and whatever it makes of the message comes back.
async fn fragments(server: Server) -> Outcome {
    for size in [1_000, 60_000] {
        let settings = |connect: Connect| connect.fragment_size(size);
        let mut ws = server.open_with("/echo", settings).await?;
        for message in [
            Message::from(text(1 << 20)),
            binary(1 << 20).into(),
            "".into(),
        ] {
            ws.send(message.clone()).await?;
            expect(&mut ws, &message).await?;
        }
        end(ws).await?;
    }
    Ok(())
}

/// Of all lengths, and with every choice about its compression.
async fn choices(server: Server) -> Outcome {
    let mut ws = server.open("/echo").await?;
    let mut count = 0;
    for length in [
        0,
        1,
        63,
        64,
        125,
        126,
        1_000,
        4_096,
        65_535,
        65_536,
        1 << 20,
    ] {
        for compress in [Compress::Default, Compress::Always, Compress::Never] {
            for message in [Message::from(text(length)), binary(length).into()] {
                let options = SendOptions::default().compress(compress);
                ws.send_with(message.clone(), options).await?;
                expect(&mut ws, &message).await?;
                count += 1;
            }
        }
    }
    let stats = ws.stats();
    same(&stats.received.messages, &count)?;
    if server.deflate {
        let (sent, received) = (stats.sent.compressed, stats.received.compressed);
        same(
            &(sent.messages > count / 3 && received.messages > count / 3),
            &true,
        )?;
        same(&(received.bytes_after * 2 < received.bytes_before), &true)?;
    }
    end(ws).await
}

/// The server compares each Pong with its Ping, also between fragments, and says how many matched.
async fn pieces(server: Server, message: impl Into<Message>) -> Outcome {
    let message = message.into();
    let mut ws = server.open("/pieces").await?;
    ws.send(message.clone()).await?;
    expect(&mut ws, &message).await?;
    expect(&mut ws, &"7 pongs".into()).await?;
    end(ws).await
}

async fn pings(server: Server) -> Outcome {
    let mut ws = server.open("/ping").await?;
    expect(&mut ws, &"3 pongs".into()).await?;
    end(ws).await
}

async fn client_closes(server: Server) -> Outcome {
    let name = format!("{}-client-closes", server.name);
    let mut ws = server.open(&format!("/client-close/{name}")).await?;
    let info = ws.close(CloseCode::from(4001), "tschüß").await?;
    same(&(info.by, info.clean), &(Side::Client, true))?;
    same(&info.code, &Some(CloseCode::from(4001)))?;
    same(&server.noted(&name).await?, &"4001 tschüß".to_owned())
}

async fn server_closes(server: Server) -> Outcome {
    let name = format!("{}-server-closes", server.name);
    let mut ws = server.open(&format!("/server-close/{name}")).await?;
    expect(&mut ws, &"last words".into()).await?;
    if let Some(item) = ws.next().await {
        return Err(format!("after the Close came {item:?}").into());
    }
    let wanted = CloseInfo {
        by: Side::Server,
        code: Some(CloseCode::from(3001)),
        reason: "enough – genug".into(),
        clean: true,
    };
    same(&ws.close_info(), &Some(&wanted))?;
    same(&server.noted(&name).await?, &"3001".to_owned())
}

/// The servers know the second and the third subprotocol, and must see our order.
async fn request(server: Server) -> Outcome {
    let settings = |connect: Connect| {
        connect.header("x-probe", "seen").subprotocols([
            "first.example",
            "second.example",
            "third.example",
        ])
    };
    let mut ws = server.open_with("/request", settings).await?;
    let seen = receive(&mut ws).await?;
    let seen = seen.as_text().ok_or("not a text")?.replace(' ', "");
    same(
        &seen.as_str(),
        &r#"{"x-probe":"seen","subprotocol":"second.example"}"#,
    )?;
    same(&ws.handshake().subprotocol(), &Some("second.example"))?;
    end(ws).await
}

async fn refusal(server: Server) -> Outcome {
    let Err(error) = server.open("/refuse").await else {
        return Err("was accepted".into());
    };
    same(&error.kind(), &ErrorKind::Refused)?;
    let response = error.response().ok_or("the error has no response")?;
    same(&response.status().as_u16(), &403)?;
    same(&response.body().as_ref(), &b"no entry".as_slice())
}

/// By an answer in words (nginx), by an alert, or by the end of the connection without either (asyncio drops it).
async fn anonymous(server: Server) -> Outcome {
    let connecting = server.anonymous.connect(format!("{}/echo", server.url));
    let Err(error) = connecting.await else {
        return Err("was accepted".into());
    };
    match error.kind() {
        ErrorKind::Refused => same(&error.response().map(|r| r.status().as_u16()), &Some(400)),
        ErrorKind::Tls if error.to_string().contains("certificate") => Ok(()),
        ErrorKind::Io => Ok(()),
        _ => Err(error.into()),
    }
}

/// Ends a connection that has nothing more to say.
async fn end(mut ws: WsStream) -> Outcome {
    let info = ws.close(CloseCode::NORMAL, "").await?;
    same(&(info.code, info.clean), &(Some(CloseCode::NORMAL), true))
}

async fn receive(ws: &mut WsStream) -> Result<Message, Box<dyn Error>> {
    Ok(ws.next().await.ok_or("the stream ended")??)
}

async fn expect(ws: &mut WsStream, wanted: &Message) -> Outcome {
    let got = receive(ws).await?;
    if got == *wanted {
        return Ok(());
    }
    // A short text says itself what is wrong; of megabytes it is where they part.
    if let Some(text) = got.as_text().filter(|text| text.len() < 200) {
        return Err(format!("got {text:?}").into());
    }
    let (got_bytes, wanted_bytes) = (got.as_bytes(), wanted.as_bytes());
    let differ = got_bytes.iter().zip(wanted_bytes).position(|(a, b)| a != b);
    Err(format!(
        "wanted {} bytes, got {} bytes, of the same kind: {}, first difference: {differ:?}",
        wanted.len(),
        got.len(),
        got.as_text().is_some() == wanted.as_text().is_some(),
    )
    .into())
}

fn same<T: PartialEq + std::fmt::Debug>(got: &T, wanted: &T) -> Outcome {
    if got == wanted {
        Ok(())
    } else {
        Err(format!("wanted {wanted:?}, got {got:?}").into())
    }
}

/// Text of exactly `length` bytes in which code points of one to four bytes alternate.
fn text(length: usize) -> String {
    let mut text = "aé€😀".repeat(length / 10);
    text.push_str(&"z".repeat(length - text.len()));
    text
}

/// Bytes whose period, 251, divides no buffer size: a piece in the wrong place shows.
fn binary(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}
