//! Connects, and prints what happened on the way: the addresses, TLS, the answer, and how long each
//! took. For whoever has a connection that does not come about: `cargo run --example dial -- URL`
//!
//! A file of certificates to trust besides the usual ones may follow: `dial URL CA.PEM`

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(url) = arguments.next() else {
        eprintln!("usage: dial URL [CA.PEM]");
        return ExitCode::from(2);
    };
    let mut connect = longwire::connect(url);
    if let Some(path) = arguments.next() {
        match std::fs::read(&path) {
            Ok(pem) => connect = connect.tls(longwire::Tls::default().add_root_pem(pem)),
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::from(2);
            }
        }
    }
    match connect.await {
        Ok(mut ws) => {
            println!("{}", ws.handshake().report());
            match ws.close(longwire::CloseCode::NORMAL, "").await {
                Ok(info) if info.clean => ExitCode::SUCCESS,
                Ok(_) => {
                    eprintln!("\nThe server does not answer the closing handshake.");
                    ExitCode::FAILURE
                }
                Err(error) => {
                    eprintln!("\n{error}");
                    ExitCode::FAILURE
                }
            }
        }
        Err(error) => {
            if let Some(report) = error.report() {
                println!("{report}\n");
            }
            eprintln!("{error}");
            if error.is_retryable() {
                eprintln!("The same attempt may succeed later.");
            }
            ExitCode::FAILURE
        }
    }
}
