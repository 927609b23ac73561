//! A proxy between client and server, in memory, that does what networks do: it delays, cuts writes
//! to single bytes, stalls, stops in one direction or in both, and ends or resets a connection at
//! any byte. What it does is decided by its settings and a seed.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
};

use super::random::Random;

/// What the proxy does with the bytes of one direction.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    /// At most so many bytes are handed on at once.
    pub(crate) chunk: usize,
    /// Each chunk waits for at most so long.
    pub(crate) delay: Duration,
    /// One chunk in so many waits for as long as [`STALL`].
    pub(crate) stalls_one_in: Option<usize>,
    /// What happens behind so many bytes.
    pub(crate) then: Option<(usize, Then)>,
}

/// How long a stall is.
pub(crate) const STALL: Duration = Duration::from_secs(5);

/// What becomes of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It ends in good order, and the other one goes on: a FIN.
    Finish,
    /// Both directions are reset: a RST for either side, behind what has arrived.
    Reset,
    /// Nothing more is read, so that the sender has to wait.
    StopReading,
    /// What is sent is read, and arrives nowhere.
    Swallow,
}

impl Weather {
    pub(crate) fn fair() -> Self {
        Self {
            chunk: 4 << 10,
            delay: Duration::ZERO,
            stalls_one_in: None,
            then: None,
        }
    }

    pub(crate) fn until(bytes: usize, then: Then) -> Self {
        Self {
            then: Some((bytes, then)),
            ..Self::fair()
        }
    }

    /// Some weather for a direction that moves about `total` bytes.
    pub(crate) fn random(random: &mut Random, total: usize) -> Self {
        const PACES: [(usize, u64); 6] =
            [(1, 0), (1, 1), (7, 0), (100, 100), (1_400, 300), (4_096, 0)];
        const THENS: [Then; 4] = [Then::Finish, Then::Reset, Then::StopReading, Then::Swallow];
        let (chunk, delay) = *random.pick(&PACES);
        let stalls_one_in = random.one_in(3).then(|| 1 + total / chunk / 2);
        let is_cut = random.one_in(3);
        Self {
            chunk,
            delay: Duration::from_millis(delay),
            stalls_one_in,
            then: is_cut.then(|| (random.below(total), *random.pick(&THENS))),
        }
    }
}

/// One end of a connection through the proxy.
#[derive(Debug)]
pub(crate) struct End {
    io: DuplexStream,
    reset: Arc<AtomicBool>,
}

/// A connection whose bytes go through a proxy: the client's end and the server's.
pub(crate) fn connection(
    to_server: Weather,
    to_client: Weather,
    random: &mut Random,
) -> (End, End) {
    let (client, near) = tokio::io::duplex(16 << 10);
    let (far, server) = tokio::io::duplex(16 << 10);
    let reset = Arc::new(AtomicBool::new(false));
    let ends = [client, server].map(|io| End {
        io,
        reset: Arc::clone(&reset),
    });
    let (from_client, to_near) = tokio::io::split(near);
    let (from_server, to_far) = tokio::io::split(far);
    let there = Relay {
        from: from_client,
        to: to_far,
        weather: to_server,
        random: random.fork(),
        reset: Arc::clone(&reset),
    };
    let back = Relay {
        from: from_server,
        to: to_near,
        weather: to_client,
        random: random.fork(),
        reset,
    };
    tokio::spawn(async move {
        let (mut there, mut back) = (pin!(there.run()), pin!(back.run()));
        // A reset takes the other direction with it, an end does not.
        let _ = tokio::select! {
            Ended::Reset = &mut there => Ended::Reset,
            Ended::Reset = &mut back => Ended::Reset,
            else => Ended::Finished,
        };
    });
    let [client, server] = ends;
    (client, server)
}

struct Relay {
    from: ReadHalf<DuplexStream>,
    to: WriteHalf<DuplexStream>,
    weather: Weather,
    random: Random,
    reset: Arc<AtomicBool>,
}

/// How a direction ended.
enum Ended {
    Finished,
    Reset,
}

impl Relay {
    /// Hands bytes on until there are no more, or the weather changes.
    async fn run(mut self) -> Ended {
        let mut moved = 0;
        let mut buffer = vec![0; self.weather.chunk];
        loop {
            let most = match self.weather.then {
                Some((until, then)) if moved >= until => return self.then(then).await,
                Some((until, _)) => buffer.len().min(until - moved),
                None => buffer.len(),
            };
            let Ok(read @ 1..) = self.from.read(&mut buffer[..most]).await else {
                let _ = self.to.shutdown().await;
                return Ended::Finished;
            };
            self.wait().await;
            if self.to.write_all(&buffer[..read]).await.is_err() {
                return Ended::Finished;
            }
            moved += read;
        }
    }

    async fn wait(&mut self) {
        let Weather {
            delay,
            stalls_one_in,
            ..
        } = self.weather;
        if stalls_one_in.is_some_and(|n| self.random.one_in(n)) {
            tokio::time::sleep(STALL).await;
        }
        let most = usize::try_from(delay.as_micros()).unwrap();
        if most > 0 {
            let microseconds = self.random.below(most) as u64;
            tokio::time::sleep(Duration::from_micros(microseconds)).await;
        }
    }

    async fn then(mut self, then: Then) -> Ended {
        match then {
            Then::Reset => {
                // Before the proxy's ends go, by which the others learn of it.
                self.reset.store(true, Ordering::Relaxed);
                return Ended::Reset;
            }
            Then::StopReading => std::future::pending().await,
            Then::Swallow => {}
            // It does not stop the sender, who may not even notice.
            Then::Finish => {
                let _ = self.to.shutdown().await;
            }
        }
        let _ = tokio::io::copy(&mut self.from, &mut tokio::io::sink()).await;
        Ended::Finished
    }
}

impl End {
    /// An end of the proxy's doing, as a socket would tell of it.
    fn verdict(&self) -> io::Result<()> {
        if self.reset.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        if buf.filled().len() == before {
            this.verdict()?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.verdict()?;
        Pin::new(&mut this.io).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
