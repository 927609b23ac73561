//! Sends each line of standard input to a server and prints what comes back:
//! `cargo run --example echo_client -- wss://example.com/echo`
//!
//! The end of the input closes the connection in good order.

use std::error::Error;

use longwire::CloseCode;
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: echo_client URL")?;
    let mut ws = longwire::connect(url).await?;
    eprintln!("{}", ws.handshake().report());

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        // Receiving and reading lines are both cancel-safe, so whichever is first wins.
        tokio::select! {
            message = ws.next() => match message {
                Some(message) => println!("{}", message?),
                None => break,
            },
            line = lines.next_line() => {
                if let Some(line) = line? {
                    ws.send_text(&line).await?;
                    continue;
                }
                // What is on its way still arrives before the server's Close frame.
                ws.start_close(CloseCode::NORMAL, "end of input").await?;
                while let Some(message) = ws.next().await {
                    println!("{}", message?);
                }
                break;
            }
        }
    }
    if let Some(info) = ws.close_info() {
        eprintln!("{info}");
    }
    Ok(())
}
