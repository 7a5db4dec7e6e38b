//! A proxy between the engine and a real server, in which the network and the server fail.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// S3's `503 Slow Down`, without asking the server.
    SlowDown,
    /// `429`, with the wish to be asked again at once.
    TooMany,
    /// The connection is reset, and the server never hears of it.
    LostRequest,
    /// The server applies it, and the connection is reset before a word of the answer.
    LostAnswer,
    /// The answer breaks off in the middle of its body.
    CutAnswer,
}

const TROUBLES: [Trouble; 5] = [
    Trouble::SlowDown,
    Trouble::TooMany,
    Trouble::LostRequest,
    Trouble::LostAnswer,
    Trouble::CutAnswer,
];

/// A listening proxy.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    server: String,
    seed: u64,
    requests: AtomicU64,
    did: Mutex<BTreeMap<Trouble, u64>>,
}

impl Proxy {
    /// Stands before `server`; `seed` decides which requests meet trouble: two of five.
    #[expect(clippy::disallowed_methods, reason = "a server beside the engine")]
    pub(crate) async fn before(server: &str, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = Arc::new(State {
            server: server.to_owned(),
            seed,
            requests: AtomicU64::new(0),
            did: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // A connection that breaks is what this is for.
                tokio::spawn(async move { drop(serve(client, &state).await) });
            }
        });
        Self { address, state }
    }

    /// How often each trouble was made.
    pub(crate) fn did(&self) -> BTreeMap<Trouble, u64> {
        self.state.did.lock().expect("a lock").clone()
    }
}

impl State {
    fn next(&self) -> Option<Trouble> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&number.to_le_bytes());
        let draw = hasher.finalize().as_bytes()[0];
        let trouble = *TROUBLES.get(usize::from(draw) * TROUBLES.len() * 5 / 2 / 256)?;
        *self.did.lock().expect("a lock").entry(trouble).or_default() += 1;
        Some(trouble)
    }
}

/// One request of a connection, which ends with it.
async fn serve(mut client: TcpStream, state: &State) -> std::io::Result<()> {
    let request = message(&mut client).await?;
    if request.is_empty() {
        return Ok(());
    }
    let trouble = state.next();
    match trouble {
        Some(Trouble::SlowDown) => {
            let text = "<Error><Code>SlowDown</Code></Error>";
            let length = text.len();
            let head = format!(
                "HTTP/1.1 503 Slow Down\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
            );
            return client.write_all((head + text).as_bytes()).await;
        }
        Some(Trouble::TooMany) => {
            let head = "HTTP/1.1 429 Too Many\r\nretry-after: 0\r\nconnection: close\r\n\
                        content-length: 0\r\n\r\n";
            return client.write_all(head.as_bytes()).await;
        }
        Some(Trouble::LostRequest) => return reset(&client),
        _ => {}
    }
    let mut server = TcpStream::connect(&state.server).await?;
    server.write_all(&closing(&request)).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    match trouble {
        Some(Trouble::LostAnswer) => reset(&client),
        Some(Trouble::CutAnswer) => {
            let head = head_bytes(&answer).unwrap_or(answer.len());
            client
                .write_all(&answer[..head.midpoint(answer.len())])
                .await?;
            reset(&client)
        }
        _ => client.write_all(&answer).await,
    }
}

/// Makes a connection end without a goodbye when it is dropped.
fn reset(client: &TcpStream) -> std::io::Result<()> {
    client.set_zero_linger()
}

/// Where the headers end.
fn head_bytes(message: &[u8]) -> Option<usize> {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n");
    end.map(|at| at + 4)
}

/// A whole request: its headers, and as many bytes as they say.
async fn message(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut read = Vec::new();
    loop {
        if let Some(head) = head_bytes(&read) {
            let text = String::from_utf8_lossy(&read[..head]).to_ascii_lowercase();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            let length = length.and_then(|length| length.trim().parse().ok());
            if read.len() >= head + length.unwrap_or(0) {
                return Ok(read);
            }
        }
        if from.read_buf(&mut read).await? == 0 {
            return Ok(Vec::new());
        }
    }
}

/// The request, with the wish that the server closes the connection behind its answer.
fn closing(request: &[u8]) -> Vec<u8> {
    let line = request.windows(2).position(|two| two == b"\r\n");
    let (first, rest) = request.split_at(line.map_or(0, |at| at + 2));
    [first, b"connection: close\r\n", rest].concat()
}
