//! URLs: each gives a request that is well formed, or an error; secrets in it are never shown.

use longwire::ErrorKind;

use crate::finish;
use crate::input::{Cuts, Input};
use crate::request::Response;
use crate::script::Script;

const SECRET: &str = "S3cr3t";

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let place = input.byte();
    let Ok(text) = std::str::from_utf8(input.rest()) else {
        return;
    };
    if text.contains(SECRET) {
        return;
    }
    let url = match place % 4 {
        0 => text.to_owned(),
        1 => format!("ws://user:{SECRET}@{text}"),
        2 => format!("wss://{SECRET}@{text}"),
        _ => format!("{text}?token={SECRET}"),
    };

    let script = Script::answering(|request| Response::to(request).bytes(), Cuts::nowhere());
    let heard = script.request_heard();
    let connect = longwire::connect(url.as_str()).over(script);
    hides(&format!("{connect:?}"));
    match finish(connect.into_future()) {
        Ok(_) => {
            let request = heard.lock().unwrap().take().expect("a request");
            let target = request.line.strip_prefix("GET /").expect("a resource");
            let target = target.strip_suffix(" HTTP/1.1").expect("a version");
            assert!(
                target
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'#')
            );
            let host = request.one("host");
            assert!(!host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(!host.contains(['/', '?', '#', '@', '\\']), "{host}");
            hides(host);
        }
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Url | ErrorKind::Config));
            assert!(heard.lock().unwrap().is_none(), "a request all the same");
            hides(&format!("{error} {error:?}"));
        }
    }
}

fn hides(shown: &str) {
    assert!(!shown.contains(SECRET), "a secret is shown: {shown}");
}
