//! Prints the trades of a crypto exchange as they come.
//!
//! - `cargo run --example trades` starts an exchange inside this process, with TLS, and watches it.
//! - `cargo run --example trades -- URL` watches a real one, such as
//!   `wss://api.bitkub.com/websocket-api/market.trade.thb_btc`.
//! - `--count N` stops after N trades and closes the connection in good order.

mod exchange;

use std::error::Error;

use longwire::{CloseCode, Tls};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::read()?;
    let mut ws = if let Some(url) = &options.url {
        longwire::connect(url).await?
    } else {
        let exchange = exchange::start().await?;
        println!("a local exchange is open at {}", exchange.url);
        let trust = Tls::default().add_root_pem(&exchange.certificate_pem);
        // No proxy that the environment may name leads into this process.
        longwire::connect(&exchange.url)
            .tls(trust)
            .no_proxy()
            .await?
    };
    println!("{}", ws.handshake().report());

    let mut trades = 0;
    while let Some(message) = ws.next().await {
        // An exchange puts several trades into one message, one to a line.
        for line in message?.as_text().unwrap_or_default().lines() {
            if trades < options.count && print_trade(line) {
                trades += 1;
            }
        }
        if trades >= options.count {
            ws.close(CloseCode::NORMAL, "seen enough").await?;
        }
    }

    let received = ws.stats().received;
    let end = ws.close_info().map(ToString::to_string).unwrap_or_default();
    println!(
        "{end}; {} messages, {trades} trades, {} pings",
        received.messages, received.pings
    );
    Ok(())
}

/// Prints one trade; says whether the line was one.
fn print_trade(line: &str) -> bool {
    let Ok(trade) = serde_json::from_str::<Value>(line) else {
        return false;
    };
    let text = |name: &str| trade[name].as_str().unwrap_or("?").to_owned();
    let number = |name: &str| trade[name].as_f64().unwrap_or(f64::NAN);
    if trade.get("txn").is_none() {
        println!("{line}");
        return false;
    }
    println!(
        "{}  {:<8} {:>12.8} at {:>9}  {}",
        number("ts"),
        text("sym"),
        number("amt"),
        number("rat"),
        text("txn"),
    );
    true
}

struct Options {
    url: Option<String>,
    count: u64,
}

impl Options {
    fn read() -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            url: None,
            count: u64::MAX,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            if arg == "--count" {
                let count = args.next().ok_or("--count wants a number")?;
                options.count = count.parse().map_err(|_| "--count wants a number")?;
            } else if arg.starts_with('-') || options.url.is_some() {
                return Err("usage: trades [URL] [--count N]".into());
            } else {
                options.url = Some(arg);
            }
        }
        Ok(options)
    }
}
