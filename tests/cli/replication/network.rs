//! The way between two sites: namespaces with a link that can be made slow and cut, and where a machine has none, a
//! proxy on the loopback that does the same.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::park_timeout;
use std::time::Duration;

use super::sites::Pair;

/// How often a proxy looks whether it is still cut.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A proxy that is slow, or lets nothing through, when it is told to.
pub(super) struct Proxy {
    pub(super) address: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    target: Mutex<String>,
    cut: AtomicBool,
    bits_per_second: AtomicU64,
    ended: AtomicBool,
}

impl State {
    fn target(&self) -> String {
        let target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        target.clone()
    }

    /// Waits while it is cut; whether it goes on.
    fn passes(&self) -> bool {
        while self.cut.load(Ordering::Relaxed) && !self.ended.load(Ordering::Relaxed) {
            park_timeout(LOOK_EVERY);
        }
        !self.ended.load(Ordering::Relaxed)
    }

    fn pump(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut bytes = [0; 8 << 10];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if !self.passes() || to.write_all(&bytes[..length]).is_err() {
                break;
            }
            let rate = self.bits_per_second.load(Ordering::Relaxed);
            if let Some(nanos) = (length as u64 * 8_000_000_000).checked_div(rate) {
                park_timeout(Duration::from_nanos(nanos));
            }
        }
        for stream in [from, to] {
            let _ = stream.shutdown(Shutdown::Both).is_ok();
        }
    }
}

impl Proxy {
    /// Stands before `target`.
    pub(super) fn before(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), state) = (client, Arc::clone(&shared)) else {
                    continue;
                };
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::spawn(move || {
                    if !state.passes() {
                        return;
                    }
                    // Where nobody listens, the client's connection ends too.
                    if let Ok(server) = TcpStream::connect(state.target()) {
                        std::thread::scope(|scope| {
                            scope.spawn(|| state.pump(&client, &server));
                            state.pump(&server, &client);
                        });
                    }
                });
            }
        });
        let proxy = Self { address, state };
        proxy.lead_to(target);
        proxy
    }

    pub(super) fn lead_to(&self, target: &str) {
        let mut known = self
            .state
            .target
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        target.clone_into(&mut known);
    }

    /// What comes is kept back until it is healed.
    pub(super) fn cut(&self) {
        self.state.cut.store(true, Ordering::Relaxed);
    }

    pub(super) fn heal(&self) {
        self.state.cut.store(false, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        // What waits for a client is woken by one.
        let _ = TcpStream::connect(&self.address).is_ok();
    }
}

/// Two namespaces and the link between them; gone with their scope.
pub(super) struct Namespaces {
    source: String,
    replica: String,
}

const SOURCE: &str = "10.213.7.1";
const REPLICA: &str = "10.213.7.2";

fn ip(arguments: &str) -> Result<(), String> {
    let mut words = arguments.split(' ');
    let output = Command::new(words.next().expect("a program"))
        .args(words)
        .output();
    let output = output.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    output
        .status
        .success()
        .then_some(())
        .ok_or_else(|| format!("{arguments}: {said}"))
}

impl Namespaces {
    fn new() -> Result<Self, String> {
        let process = std::process::id();
        let made = Self {
            source: format!("fd{process}s"),
            replica: format!("fd{process}r"),
        };
        let (source, replica) = (&made.source, &made.replica);
        ip(&format!("ip netns add {source}"))?;
        ip(&format!("ip netns add {replica}"))?;
        ip(&format!(
            "ip link add {source} netns {source} type veth peer name {replica} netns {replica}"
        ))?;
        for (name, address) in [(source, SOURCE), (replica, REPLICA)] {
            ip(&format!("ip -n {name} addr add {address}/30 dev {name}"))?;
            ip(&format!("ip -n {name} link set lo up"))?;
            ip(&format!("ip -n {name} link set {name} up"))?;
        }
        made.rate(Some(1_000_000))?;
        made.rate(None)?;
        Ok(made)
    }

    fn rate(&self, bits_per_second: Option<u64>) -> Result<(), String> {
        for name in [&self.source, &self.replica] {
            ip(&match bits_per_second {
                Some(bits) => format!(
                    "tc -n {name} qdisc replace dev {name} root tbf rate {bits}bit burst 16kb latency 200ms"
                ),
                None => format!("tc -n {name} qdisc del dev {name} root"),
            })?;
        }
        Ok(())
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in [&self.source, &self.replica] {
            let _ = ip(&format!("ip netns del {name}")).is_ok();
        }
    }
}

/// The way between two sites.
pub(super) enum Network {
    Namespaces(Namespaces),
    /// To the replica and to the source.
    Loopback(Proxy, Proxy),
}

impl Network {
    /// The best that the machine has; it says so where that is the loopback.
    #[expect(clippy::print_stderr, reason = "what is not there is said")]
    pub(super) fn new() -> Self {
        Namespaces::new().map_or_else(
            |why| {
                eprintln!("no network namespaces here, a proxy on the loopback instead: {why}");
                Self::Loopback(Proxy::before(""), Proxy::before(""))
            },
            Self::Namespaces,
        )
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Namespaces(_) => "namespaces",
            Self::Loopback(..) => "loopback",
        }
    }

    /// Puts the sites at its ends, before they run.
    pub(super) fn attach(&self, pair: &mut Pair) {
        let Self::Namespaces(spaces) = self else {
            return;
        };
        pair.source.namespace = Some(spaces.source.clone());
        pair.source.listens = format!("{SOURCE}:7410");
        pair.replica.namespace = Some(spaces.replica.clone());
        pair.replica.listens = format!("{REPLICA}:7410");
    }

    /// Where the source finds the replica, which listens.
    pub(super) fn to_replica(&self, pair: &Pair) -> String {
        Self::lead(
            self.proxies().map(|(there, _)| there),
            &pair.replica.listens,
        )
    }

    /// Where the replica finds the source, which listens.
    pub(super) fn to_source(&self, pair: &Pair) -> String {
        Self::lead(self.proxies().map(|(_, back)| back), &pair.source.listens)
    }

    fn lead(proxy: Option<&Proxy>, to: &str) -> String {
        proxy.map_or_else(
            || to.to_owned(),
            |proxy| {
                proxy.lead_to(to);
                proxy.address.clone()
            },
        )
    }

    fn proxies(&self) -> Option<(&Proxy, &Proxy)> {
        match self {
            Self::Namespaces(_) => None,
            Self::Loopback(there, back) => Some((there, back)),
        }
    }

    /// How fast it is; none is as fast as can be.
    pub(super) fn rate(&self, bits_per_second: Option<u64>) {
        match self {
            Self::Namespaces(spaces) => spaces.rate(bits_per_second).expect("it is set"),
            Self::Loopback(there, back) => {
                for proxy in [there, back] {
                    let bits = bits_per_second.unwrap_or(0);
                    proxy.state.bits_per_second.store(bits, Ordering::Relaxed);
                }
            }
        }
    }

    pub(super) fn cut(&self) {
        match self {
            Self::Namespaces(spaces) => {
                let name = &spaces.source;
                ip(&format!("ip -n {name} link set {name} down")).expect("it is cut");
            }
            Self::Loopback(there, back) => {
                there.cut();
                back.cut();
            }
        }
    }

    pub(super) fn heal(&self) {
        match self {
            Self::Namespaces(spaces) => {
                let name = &spaces.source;
                ip(&format!("ip -n {name} link set {name} up")).expect("it is healed");
            }
            Self::Loopback(there, back) => {
                there.heal();
                back.heal();
            }
        }
    }
}
