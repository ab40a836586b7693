//! Traffic to look at: drives both APIs over TCP as their clients would, mistakes included.
//!
//! `plan.rs` decides what to send, `tenants.rs` as whom, `client.rs` and `rpc.rs` send it, `tally.rs` counts the answers.

mod client;
mod plan;
mod rpc;
mod tally;
mod tenants;

use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use fastrand::Rng;
use quipu::Registry;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::interval;
use tonic::transport::Endpoint;

use self::client::{Answer, ApiClient, Call, Outcome, reachable};
use self::plan::{Operation, Plan};
use self::rpc::{Client, Ended};
use self::tally::Tally;
use self::tenants::{CUSTOMERS, Tenants};
use crate::log::{complain, say};
use crate::scenario::Profile;

const MAX_IN_FLIGHT: usize = 64;

/// How much to send.
#[derive(Debug)]
pub(crate) struct Load {
    /// Requests per second.
    pub(crate) rate: u32,
    /// Requests in all; `None` is no end.
    pub(crate) operations: Option<u64>,
}

/// Traffic to come.
#[derive(Debug)]
pub(crate) struct Traffic {
    api: ApiClient,
    grpc: Client,
    plan: Plan,
    tenants: Tenants,
    tally: Tally,
    failing: bool,
}

/// What was sent, and how it ended.
enum Sent {
    Http { method: String, route: &'static str, outcome: Outcome<Answer> },
    Grpc(Ended),
}

impl Traffic {
    /// Traffic to the APIs at these addresses.
    pub(crate) fn new(
        (api, grpc): (SocketAddr, SocketAddr),
        profile: &Profile,
        rng: Rng,
        registry: &Registry,
    ) -> Result<Traffic, Box<dyn Error>> {
        let grpc = Endpoint::from_shared(format!("http://{}", reachable(grpc)))?.connect_lazy();
        Ok(Traffic {
            api: ApiClient::new(api, registry)?,
            grpc: Client::new(grpc),
            plan: Plan::new(rng, profile),
            tenants: Tenants::new(profile.scans),
            tally: Tally::default(),
            failing: false,
        })
    }

    /// Sends requests until there were so many, or `stop` resolves. In the first case it then waits until the service is
    /// idle, and says what was answered.
    pub(crate) async fn run(mut self, load: Load, idle: impl Future<Output = ()>, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let (enough, enough_watched) = oneshot::channel::<()>();
        let watcher = tokio::spawn(rpc::watch(self.grpc.clone(), async { drop(enough_watched.await) }));
        let was_stopped = tokio::select! {
            () = &mut stop => true,
            () = async { self.send(&load).await; idle.await } => false,
        };
        drop(enough);
        for code in watcher.await.unwrap_or_default() {
            self.tally.grpc(rpc::WATCH, rpc::name(code));
        }
        if !was_stopped {
            say(&format!("summary {}\n", self.tally.to_json()));
        }
    }

    async fn send(&mut self, load: &Load) {
        self.take_over().await;
        let mut left = load.operations.unwrap_or(u64::MAX);
        let mut ticks = interval(Duration::from_secs(1) / load.rate);
        let mut requests = JoinSet::new();
        while left > 0 || !requests.is_empty() {
            tokio::select! {
                _ = ticks.tick(), if left > 0 && requests.len() < MAX_IN_FLIGHT => {
                    left -= 1;
                    match self.plan.next() {
                        Operation::Http(call) => requests.spawn(send(self.api.clone(), call, self.tenants.next())),
                        Operation::Grpc(rpc) => {
                            let client = self.grpc.clone();
                            requests.spawn(async { Sent::Grpc(rpc.send(client).await) })
                        }
                    };
                }
                Some(Ok(sent)) = requests.join_next() => self.learn(sent),
            }
        }
    }

    /// Goes on with the incidents that the traffic of an earlier run did not get to resolve.
    async fn take_over(&mut self) {
        for call in Plan::first() {
            let sent = send(self.api.clone(), call, CUSTOMERS[0].into()).await;
            if let Sent::Http { outcome: Ok(answer), .. } = &sent {
                self.plan.take_over(answer);
            }
            self.learn(sent);
        }
    }

    fn learn(&mut self, sent: Sent) {
        match sent {
            Sent::Http { method, route, outcome: Ok(answer) } => {
                self.failing = false;
                self.tally.http(&method, route, answer.status.as_u16());
                self.plan.learn(&answer);
            }
            Sent::Http { outcome: Err(error), .. } => {
                self.tally.failed();
                if !self.failing {
                    complain(&format_args!("a request of the traffic failed: {error}"));
                }
                self.failing = true;
            }
            Sent::Grpc(ended) => {
                self.tally.grpc(ended.method, rpc::name(ended.code));
                self.plan.opened(ended.created);
            }
        }
    }
}

async fn send(client: ApiClient, call: Call, tenant: std::borrow::Cow<'static, str>) -> Sent {
    let (method, route) = (call.method.to_string(), call.route);
    let outcome = client.send(call, &tenant).await;
    Sent::Http { method, route, outcome }
}
