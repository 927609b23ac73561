//! Echoes its way through every case of an Autobahn fuzzing server, which judges what it sees and writes a report:
//! `cargo run --release --example autobahn_client -- ws://127.0.0.1:9001 longwire`.

use std::error::Error;
use std::time::Duration;

use futures::StreamExt as _;
use longwire::{Connect, Deflate};

/// Cases of one server are independent; more at a time only make it slower.
const AT_A_TIME: usize = 4;

/// The server is one thread, and busy while it builds a large message of another case.
const PATIENCE: Duration = Duration::from_secs(480);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(server), Some(agent)) = (arguments.next(), arguments.next()) else {
        return Err("usage: autobahn_client SERVER AGENT".into());
    };

    let count = case_count(&server).await?;
    println!("{count} cases");
    futures::stream::iter(1..=count)
        .for_each_concurrent(AT_A_TIME, |case| {
            let url = format!("{server}/runCase?case={case}&agent={agent}");
            async move {
                // Most cases end in an error on purpose. Whether it was the right one is the server's judgement.
                let _ = echo(&url).await;
            }
        })
        .await;
    update_reports(&server, &agent).await?;
    println!("reports written");
    Ok(())
}

fn connect(url: &str) -> Connect {
    longwire::connect(url)
        .timeout(PATIENCE)
        .deflate(Deflate::default())
}

async fn case_count(server: &str) -> Result<usize, Box<dyn Error>> {
    let mut ws = connect(&format!("{server}/getCaseCount")).await?;
    let message = ws.next().await.ok_or("the server said no case count")??;
    Ok(message
        .as_text()
        .ok_or("the case count is no text")?
        .parse()?)
}

async fn echo(url: &str) -> Result<(), longwire::Error> {
    let mut ws = connect(url).await?;
    while let Some(message) = ws.next().await {
        ws.send(message?).await?;
    }
    Ok(())
}

/// The server closes this connection once the reports are on disk.
async fn update_reports(server: &str, agent: &str) -> Result<(), longwire::Error> {
    let mut ws = connect(&format!("{server}/updateReports?agent={agent}")).await?;
    while let Some(message) = ws.next().await {
        message?;
    }
    Ok(())
}
