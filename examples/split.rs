//! Two tasks on one connection: one prints what comes, one sends each line of standard input, and a
//! clone of the sender measures the way to the server now and then.
//! `cargo run --example split -- wss://example.com/echo`

use std::error::Error;
use std::time::Duration;

use longwire::CloseCode;
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: split URL")?;
    let (mut sender, mut receiver) = longwire::connect(url).await?.split();

    let printing = tokio::spawn(async move {
        while let Some(message) = receiver.next().await {
            println!("{}", message?);
        }
        Ok::<_, longwire::Error>(receiver.close_info())
    });

    let mut probe = sender.clone();
    tokio::spawn(async move {
        while let Ok(time) = probe.ping().await {
            eprintln!("the server is {time:?} away");
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    });

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        sender.send_text(&line).await?;
    }
    // What is on its way still arrives, and is printed, before the server's Close frame.
    sender
        .start_close(CloseCode::NORMAL, "end of input")
        .await?;
    if let Some(info) = printing.await?? {
        eprintln!("{info}");
    }
    Ok(())
}
