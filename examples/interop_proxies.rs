//! Asserts that proxies written by others open the way to servers written by others, or refuse to.
//! `tests/interop/proxies/run` starts them.
//!
//! `interop_proxies CA.PEM WS_PORT WSS_PORT DEAD_PORT [opens|opens-early|refuses]:NAME=PROXY_URL...`,
//! where no URL stands for the proxies that the environment names. A proxy opens early that says so
//! before it has connected to the server.

use std::error::Error;
use std::fmt::Debug;
use std::process::ExitCode;
use std::time::Duration;

use longwire::{Client, CloseCode, ErrorKind, Message, Phase, Proxy, Tls, WsStream};

type Outcome = Result<(), Box<dyn Error>>;

/// Where to go through a proxy.
struct Way {
    client: Client,
    /// Nobody listens there.
    dead: String,
    plain: String,
    secure: String,
    speaks_http: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || {
        arguments
            .next()
            .ok_or("CA.PEM WS_PORT WSS_PORT DEAD_PORT PROXY...")
    };
    let authority = std::fs::read(next()?)?;
    let (plain, secure, dead) = (next()?, next()?, next()?);
    let trust = || Tls::default().add_root_pem(&authority);
    let (mut passed, mut failed) = (0, 0);
    for argument in arguments {
        let (name, url) = argument.split_once('=').ok_or("a proxy is NAME=URL")?;
        let proxy = match url {
            "" => Proxy::from_env(),
            url => Proxy::new(url),
        };
        let way = Way {
            client: Client::builder()
                .tls(trust())
                .proxy(proxy.tls(trust()))
                // Who resolves the name here must find the address at which the servers listen.
                .resolve("localhost", [([127, 0, 0, 1], 0)])
                .build(),
            dead: format!("ws://127.0.0.1:{dead}/"),
            plain: format!("ws://localhost:{plain}/echo"),
            secure: format!("wss://localhost:{secure}/echo"),
            speaks_http: !url.starts_with("socks"),
        };
        let nowhere = match name.split(':').next() {
            Some("opens") => Some((ErrorKind::Proxy, Phase::Proxy)),
            Some("opens-early") => Some((ErrorKind::Io, Phase::Upgrade)),
            _ => None,
        };
        let checks: [(&str, Outcome); 3] = match nowhere {
            Some(nowhere) => [
                ("ws:// goes through", goes_through(&way, &way.plain).await),
                ("wss:// goes through", goes_through(&way, &way.secure).await),
                ("nobody listens there", leads_nowhere(&way, nowhere).await),
            ],
            None => [
                ("ws:// is refused", is_refused(&way, &way.plain).await),
                ("wss:// is refused", is_refused(&way, &way.secure).await),
                ("a dead port is refused", is_refused(&way, &way.dead).await),
            ],
        };
        for (what, outcome) in checks {
            match outcome {
                Ok(()) => {
                    passed += 1;
                    println!("ok      {name}: {what}");
                }
                Err(error) => {
                    failed += 1;
                    println!("FAILED  {name}: {what}: {error}");
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

async fn goes_through(way: &Way, url: &str) -> Outcome {
    let mut ws = way.client.connect(url).await?;
    same(&ws.get_ref().is_tls(), &url.starts_with("wss:"))?;
    let proxy = ws.handshake().report().proxy.as_ref();
    let opened = proxy.ok_or("the report knows of no proxy")?.elapsed;
    same(&opened.is_some(), &true)?;
    for message in [Message::from("hello"), Message::from(vec![7; 300 << 10])] {
        ws.send(message.clone()).await?;
        same(&receive(&mut ws).await?, &message)?;
    }
    let info = ws.close(CloseCode::NORMAL, "").await?;
    same(&info.clean, &true)
}

async fn leads_nowhere(way: &Way, wanted: (ErrorKind, Phase)) -> Outcome {
    let error = failure(way, &way.dead).await?;
    same(&(error.kind(), error.phase()), &wanted)
}

async fn is_refused(way: &Way, url: &str) -> Outcome {
    let error = failure(way, url).await?;
    same(
        &(error.kind(), error.phase()),
        &(ErrorKind::Proxy, Phase::Proxy),
    )?;
    let status = error.response().map(|response| response.status().as_u16());
    same(&matches!(status, Some(401 | 407)), &way.speaks_http)?;
    same(&error.is_retryable(), &false)?;
    let shown = format!("{error} {error:?} {:?}", error.report());
    same(&shown.contains("wrong-one"), &false)
}

async fn failure(way: &Way, url: &str) -> Result<longwire::Error, Box<dyn Error>> {
    let connect = way.client.connect(url).timeout(Duration::from_secs(30));
    match connect.await {
        Ok(_) => Err("it was connected".into()),
        Err(error) => Ok(error),
    }
}

async fn receive(ws: &mut WsStream) -> Result<Message, Box<dyn Error>> {
    Ok(ws.next().await.ok_or("the stream ended")??)
}

fn same<T: PartialEq + Debug>(got: &T, wanted: &T) -> Outcome {
    if got == wanted {
        Ok(())
    } else {
        Err(format!("wanted {wanted:.200?}, got {got:.200?}").into())
    }
}
