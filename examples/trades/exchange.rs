//! An exchange for one client, written against raw bytes: TLS with a certificate made at start,
//! trades as JSON texts, some of them fragmented, Pings in between, a Close frame at the end.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

pub(crate) struct Exchange {
    pub(crate) url: String,
    /// What a client has to trust.
    pub(crate) certificate_pem: String,
}

/// Opens on a free port of this machine, and closes after one client.
pub(crate) async fn start() -> Result<Exchange, Box<dyn Error>> {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], PrivateKeyDer::from(key))?;
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let listener = TcpListener::bind(("localhost", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        let served = async {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            serve(acceptor.accept(socket).await?).await
        };
        if let Err(error) = served.await {
            eprintln!("exchange: {error}");
        }
    });
    Ok(Exchange {
        url: format!("wss://localhost:{port}/websocket-api/market.trade.thb_btc"),
        certificate_pem: certified.cert.pem(),
    })
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut client: S) -> Result<(), Box<dyn Error>> {
    let request = read_head(&mut client).await?;
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .ok_or("no key in the request")?;
    let proof = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        BASE64.encode(proof)
    );
    client.write_all(response.as_bytes()).await?;

    // Pongs come at any time, and so may the client's Close frame.
    let (reader, mut client) = tokio::io::split(client);
    let mut client_closes = pin!(read_until_close(reader));
    let mut asked_to_close = false;
    let mut market = Market::new();
    for round in 0..ROUNDS {
        let text = market.trades(1 + round % 4);
        let mut bytes = Vec::new();
        match round % 5 {
            1 => {
                bytes.extend(frame(FIN | PING, b"are you there?"));
                bytes.extend(frame(FIN | TEXT, text.as_bytes()));
            }
            3 => {
                // In three fragments, cut wherever, with a Ping between two of them.
                let (first, rest) = text.as_bytes().split_at(text.len() / 3);
                let (second, third) = rest.split_at(rest.len() / 2);
                bytes.extend(frame(TEXT, first));
                bytes.extend(frame(FIN | PING, b""));
                bytes.extend(frame(CONTINUATION, second));
                bytes.extend(frame(FIN | CONTINUATION, third));
            }
            _ => bytes.extend(frame(FIN | TEXT, text.as_bytes())),
        }
        client.write_all(&bytes).await?;
        tokio::select! {
            closed = &mut client_closes => {
                closed?;
                asked_to_close = true;
                break;
            }
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
    let mut close = 1000_u16.to_be_bytes().to_vec();
    if !asked_to_close {
        close.extend_from_slice(b"the market is closed");
    }
    client.write_all(&frame(FIN | CLOSE, &close)).await?;

    if !asked_to_close {
        client_closes.await?;
    }
    client.shutdown().await?;
    Ok(())
}

/// Takes the client's frames up to its Close frame. A client of trades sends control frames only, so
/// that a length is one byte.
async fn read_until_close<R: AsyncRead + Unpin>(mut client: R) -> std::io::Result<()> {
    loop {
        let first = client.read_u8().await?;
        let length = usize::from(client.read_u8().await? & 0x7f);
        let mut masked = vec![0; 4 + length];
        client.read_exact(&mut masked).await?;
        if first == FIN | CLOSE {
            return Ok(());
        }
    }
}

async fn read_head<S: AsyncRead + Unpin>(client: &mut S) -> Result<String, Box<dyn Error>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    Ok(String::from_utf8(head)?)
}

/// A server's frame: never masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u16::try_from(payload.len()) {
        Ok(short @ 0..=125) => bytes.push(short.to_be_bytes()[1]),
        Ok(long) => {
            bytes.push(126);
            bytes.extend(long.to_be_bytes());
        }
        Err(_) => {
            bytes.push(127);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// Prices that wander.
struct Market {
    price: i64,
    serial: u64,
}

impl Market {
    fn new() -> Self {
        Self {
            price: 2_140_000,
            serial: 11_078_574,
        }
    }

    /// Some trades, one a line.
    fn trades(&mut self, count: u64) -> String {
        let lines = (0..count).map(|_| self.trade()).collect::<Vec<_>>();
        lines.join("\n")
    }

    fn trade(&mut self) -> String {
        self.serial += 1;
        self.price += rand::random_range(-900..=900);
        let amount = rand::random_range(0.00001..0.5);
        let side = if rand::random() { "BUY" } else { "SELL" };
        format!(
            r#"{{"amt":{amount:.8},"bid":{},"rat":{},"sid":{},"stream":"market.trade.thb_btc","sym":"THB_BTC","ts":{},"txn":"BTC{side}{:010}"}}"#,
            self.serial + 75_833_322,
            self.price,
            self.serial + 71_103_613,
            1_636_729_677 + self.serial % 1000,
            self.serial,
        )
    }
}

const ROUNDS: u64 = 60;
const PAUSE: Duration = Duration::from_millis(40);

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
