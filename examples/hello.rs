//! Says hello and prints what comes back. For any server: `cargo run --example hello -- URL`

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: hello URL")?;
    let mut ws = longwire::connect(url).await?;
    ws.send("hello").await?;
    while let Some(message) = ws.next().await {
        println!("{}", message?);
    }
    Ok(())
}
