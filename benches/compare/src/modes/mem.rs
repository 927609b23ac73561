//! `mem`: what an idle connection holds above a raw stream that has seen the same message.
//!
//! Every contestant gets a process of its own, with a fresh allocator: connections are opened, each receives one message
//! and is then polled once more, as it would be where its task waits for the next. Settings are each library's defaults.

use std::{
    env,
    fmt::Write,
    fs,
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    process::{Command, Stdio},
    sync::Arc,
    task::Poll,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ClientConfig;
use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_rustls::client::TlsStream;

use crate::{
    adapters::{self, Visit},
    alloc::Allocated,
    dial,
    library::{Class, Fault, Io, Library, Profile, Setup, Ws},
    load::Shape,
    runtime,
    server::{Server, Task, Work},
    stat::Stat,
    tls,
};

/// Bytes a connection, resident and on the heap, above those of the raw stream.
pub struct Memory {
    pub name: &'static str,
    pub connections: usize,
    pub rounds: usize,
    pub entries: Vec<Entry>,
}

pub struct Entry {
    pub name: &'static str,
    pub class: Class,
    pub resident: Stat,
    pub heap: Stat,
}

/// The word by which the parent calls its children.
pub const CHILD: &str = "mem-child";

/// Runs every library in children, in turn.
///
/// # Errors
///
/// When a child fails, or too few files may be open.
pub fn measure(
    server: &Server,
    secure: bool,
    connections: usize,
    rounds: usize,
) -> Result<Memory, Fault> {
    open_files(connections)?;
    let mut names = Names::default();
    adapters::each(&mut names);
    let mut samples = vec![Vec::new(); names.0.len()];
    let mut group = 0;
    for _ in 0..rounds {
        group += 1;
        let raw = child(server, RAW, secure, connections, group)?;
        for ((name, _), samples) in names.0.iter().zip(&mut samples) {
            group += 1;
            let own = child(server, name, secure, connections, group)?;
            samples.push((own.0 - raw.0, own.1 - raw.1));
        }
    }
    let entries = names.0.into_iter().zip(samples);
    Ok(Memory {
        name: if secure { "wss, idle" } else { "ws, idle" },
        connections,
        rounds,
        entries: entries
            .map(|((name, class), samples)| Entry {
                name,
                class,
                resident: Stat::of(samples.iter().map(|sample| sample.0)),
                heap: Stat::of(samples.iter().map(|sample| sample.1)),
            })
            .collect(),
    })
}

/// What a child does: `CHILD NAME ADDRESS CERTIFICATE CONNECTIONS GROUP`, with an empty certificate for `ws`. It prints
/// resident and heap bytes a connection.
///
/// # Errors
///
/// When it is called in another way, or a connection fails.
pub fn be_child(arguments: &[String]) -> Result<(), Fault> {
    let [name, address, certificate, connections, group] = arguments else {
        return Err("a child is called by its parent only".into());
    };
    let connections = connections.parse()?;
    open_files(connections)?;
    let config = if certificate.is_empty() {
        None
    } else {
        Some(tls::client(unhex(certificate)?.into())?)
    };
    let place = Place {
        address: address.parse()?,
        config,
        connections,
        task: Task {
            work: Work::Idle,
            shape: SHAPE,
            count: group.parse()?,
        },
    };
    let (resident, heap) = if name == RAW {
        place.raw()?
    } else {
        let mut one = One {
            name,
            place,
            result: None,
        };
        adapters::each(&mut one);
        one.result.ok_or("no such contestant")??
    };
    println!("{resident} {heap}");
    Ok(())
}

fn child(
    server: &Server,
    name: &str,
    secure: bool,
    connections: usize,
    group: usize,
) -> Result<(f64, f64), Fault> {
    let (address, certificate) = if secure {
        (server.tls, hex(&server.identity.certificate))
    } else {
        (server.plain, String::new())
    };
    let output = Command::new(env::current_exe()?)
        .args([CHILD, name, &address.to_string(), &certificate])
        .args([connections.to_string(), group.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let (resident, heap) = text
        .trim()
        .split_once(' ')
        .ok_or_else(|| format!("mem, {name}: the child said nothing"))?;
    Ok((resident.parse()?, heap.parse()?))
}

/// The libraries among the contestants.
#[derive(Default)]
struct Names(Vec<(&'static str, Class)>);

impl Visit for Names {
    fn visit<L: Library>(&mut self) {
        if matches!(L::CLASS, Class::Ours | Class::Rival) {
            self.0.push((L::NAME, L::CLASS));
        }
    }
}

/// Finds the library of a name, and measures it.
struct One<'a> {
    name: &'a str,
    place: Place,
    result: Option<Result<(f64, f64), Fault>>,
}

impl Visit for One<'_> {
    fn visit<L: Library>(&mut self) {
        if L::NAME == self.name {
            self.result = Some(self.place.library::<L>());
        }
    }
}

/// Where connections are opened, and how many.
struct Place {
    address: SocketAddr,
    config: Option<Arc<ClientConfig>>,
    connections: usize,
    task: Task,
}

impl Place {
    fn library<L: Library>(&self) -> Result<(f64, f64), Fault> {
        runtime::block_on(async {
            match &self.config {
                None => {
                    self.hold(async || idle::<L, _>(self.ws().await?).await)
                        .await
                }
                Some(tls) => {
                    self.hold(async || idle::<L, _>(self.wss(tls).await?).await)
                        .await
                }
            }
        })
    }

    fn raw(&self) -> Result<(f64, f64), Fault> {
        runtime::block_on(async {
            match &self.config {
                None => self.hold(async || idle_raw(self.ws().await?).await).await,
                Some(tls) => {
                    self.hold(async || idle_raw(self.wss(tls).await?).await)
                        .await
                }
            }
        })
    }

    async fn ws(&self) -> Result<TcpStream, Fault> {
        dial::ws(self.address, self.task).await
    }

    async fn wss(&self, config: &Arc<ClientConfig>) -> Result<TlsStream<TcpStream>, Fault> {
        dial::wss(self.address, config, self.task).await
    }

    /// Opens them all and says what each costs. The first few are for what a program pays once.
    async fn hold<T>(&self, open: impl AsyncFn() -> Result<T, Fault>) -> Result<(f64, f64), Fault> {
        for _ in 0..WARM_UP {
            open().await?;
        }
        let (resident, heap) = (resident()?, Allocated::now().live);
        let mut connections = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            connections.push(open().await?);
        }
        let resident = self::resident()? - resident;
        let heap = Allocated::now().live - heap;
        let count = connections.len() as f64;
        Ok((resident / count, heap as f64 / count))
    }
}

async fn idle<L: Library, S: Io>(io: S) -> Result<L::Ws<S>, Fault> {
    let setup = Setup {
        profile: Profile::Default,
        shape: SHAPE,
    };
    let mut ws = L::wrap(io, setup).await?;
    let mut right = false;
    ws.receive(1, &mut |kind, payload| {
        right = kind == SHAPE.style.kind() && payload == SHAPE.payload(0);
    })
    .await?;
    if !right {
        return Err("the one message differs".into());
    }
    is_pending(ws.receive(1, &mut |_, _| {})).await?;
    Ok(ws)
}

async fn idle_raw<S: Io>(mut io: S) -> Result<S, Fault> {
    let mut message = [0; 512];
    io.read_exact(&mut message[..SHAPE.wire()]).await?;
    is_pending(io.read(&mut message)).await?;
    Ok(io)
}

/// Polls once, as the task does that waits for the next message.
async fn is_pending<T>(future: impl Future<Output = T>) -> Result<(), Fault> {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending()))
        .await
        .then_some(())
        .ok_or_else(|| "a second message".into())
}

fn resident() -> Result<f64, Fault> {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.ok_or("no Rss in smaps_rollup")?.trim().parse::<f64>()? * 1024.0)
}

/// Raises the soft limit, since a default of 1,024 is common.
fn open_files(connections: usize) -> Result<(), Fault> {
    let wanted = connections as u64 + 100;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(wanted),
        ..limit
    };
    setrlimit(Resource::Nofile, raised)
        .map_err(|error| format!("{wanted} open files are needed: {error}").into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Result<Vec<u8>, Fault> {
    (0..text.len() / 2)
        .map(|at| Ok(u8::from_str_radix(&text[at * 2..at * 2 + 2], 16)?))
        .collect()
}

/// The stream alone: what all are measured above.
const RAW: &str = "raw";

/// The message every connection has seen.
const SHAPE: Shape = Shape::json(150);

const WARM_UP: usize = 16;
