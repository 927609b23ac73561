//! Everything that a connection gives to its user, and that its peer sees of it.

use longwire::{CloseInfo, Error, ErrorKind, Message, MessageRef, WsStream};

use crate::script::{Script, Written};
use crate::wire::ClientFrames;

#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) messages: Vec<Message>,
    /// The error's kind and text.
    pub(crate) error: Option<(ErrorKind, String)>,
    pub(crate) end: CloseInfo,
    /// The code of the Close frame that the client sent, if it sent one with a code.
    pub(crate) close_sent: Option<u16>,
}

/// Which method the messages are received by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    Next,
    Batch,
    Parts,
}

/// Receives until the end.
///
/// Panics when there is more than one error, anything behind it, or no end; or when the client
/// wrote what RFC 6455 forbids.
pub(crate) async fn outcome(mut ws: WsStream<Script>, written: Written, by: By) -> Outcome {
    let mut messages = Vec::new();
    let mut error = None;
    while let Some(item) = next(&mut ws, by, &mut messages).await {
        assert!(error.is_none(), "{item:?} behind {error:?}");
        error = item.err().map(|error| (error.kind(), error.to_string()));
    }
    assert!(ws.next().await.is_none(), "an item behind the end");
    let refused = ws.send("late").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);
    // A server that ends in the middle may do so while a Pong is on its way.
    let is_lost = matches!(error, Some((ErrorKind::Reset, _)));
    let (close_sent, half) = judge(&written);
    assert!(!half || is_lost, "the client left half a frame");
    Outcome {
        messages,
        error,
        end: ws.close_info().expect("how it ended").clone(),
        close_sent,
    }
}

async fn next(
    ws: &mut WsStream<Script>,
    by: By,
    messages: &mut Vec<Message>,
) -> Option<Result<(), Error>> {
    match by {
        By::Next => Some(ws.next().await?.map(|message| messages.push(message))),
        By::Batch => Some(ws.next_batch().await?.map(|batch| {
            messages.extend(batch.map(|message| match message {
                MessageRef::Text(text) => Message::from(text),
                MessageRef::Binary(bytes) => Message::from(bytes.to_vec()),
            }));
        })),
        By::Parts => {
            let mut message = match ws.next_parts().await? {
                Ok(message) => message,
                Err(error) => return Some(Err(error)),
            };
            let mut bytes = Vec::new();
            while let Some(chunk) = message.chunk().await {
                match chunk {
                    Ok(chunk) => bytes.extend(chunk),
                    // A Close inside a message ends the connection cleanly.
                    Err(error) if error.kind() == ErrorKind::Closed => return None,
                    Err(error) => return Some(Err(error)),
                }
            }
            messages.push(if message.is_text() {
                Message::from(String::from_utf8(bytes).expect("text"))
            } else {
                Message::from(bytes)
            });
            Some(Ok(()))
        }
    }
}

/// Every frame that was written is one that a client may send: the code of the Close among them, and
/// whether the last frame is not whole.
fn judge(written: &Written) -> (Option<u16>, bool) {
    let mut frames = ClientFrames::default();
    frames.push(&written.lock().unwrap());
    let mut code = None;
    while let Some(frame) = frames.next() {
        if frame.opcode == crate::wire::CLOSE {
            code = frame.close_code_and_reason().map(|(code, _)| code);
        }
    }
    (code, frames.inside_frame())
}
