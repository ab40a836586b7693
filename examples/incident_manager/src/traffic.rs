//! Traffic to look at: drives the API over TCP as its clients would, mistakes included.

use std::borrow::Cow;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use fastrand::Rng;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use quipu::guard::CircuitBreaker;
use quipu::{LabelValue, RegisterError, Registry};
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::incident::{Severity, Source};
use crate::log::complain;
use crate::options::Scenario;
use crate::tenants::TENANT;

const MAX_IN_FLIGHT: usize = 64;
const MAX_ANSWER: usize = 1024 * 1024;
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long the client leaves the API alone after too many failures.
const COOL_DOWN: Duration = Duration::from_secs(5);
const FINISH_WITHIN: Duration = Duration::from_secs(1);
/// Tells the incidents of the traffic from those of people, which it leaves alone.
const TITLE_PREFIX: &str = "[traffic] ";
/// With so many incidents open, every turn at one of them finds one. About three quarters stay open.
const CROWD: usize = 1_000;

/// What the client leaves an API alone by that keeps failing.
pub(crate) fn breaker(registry: &Registry) -> Result<CircuitBreaker, RegisterError> {
    CircuitBreaker::builder("api").slow_calls(ANSWER_WITHIN / 5, 0.5).cool_down(COOL_DOWN).register(registry)
}

/// Sends `rate` requests per second to the API until `stop` resolves.
pub(crate) async fn run(client: ApiClient, rate: u32, scenario: Scenario, stop: impl Future<Output = ()>) {
    let mut plan = Plan::new(Rng::new());
    let mut tenants = Tenants::of(scenario);
    let mut stop = pin!(stop);
    tokio::select! {
        () = &mut stop => return,
        left_open = client.left_open() => match left_open {
            Ok(left_open) => plan.open = left_open,
            Err(error) => report(&*error),
        },
    }
    let mut ticks = interval(Duration::from_secs(1) / rate);
    let mut requests = JoinSet::new();
    let mut failing = false;
    loop {
        tokio::select! {
            () = &mut stop => break,
            _ = ticks.tick(), if requests.len() < MAX_IN_FLIGHT => {
                let (client, call, tenant) = (client.clone(), plan.next(), tenants.next());
                requests.spawn(async move { client.send(call, &tenant).await });
            }
            Some(Ok(answered)) = requests.join_next() => match answered {
                Ok(answer) => {
                    failing = false;
                    plan.learn(&answer);
                }
                Err(error) if !failing => {
                    failing = true;
                    report(&*error);
                }
                Err(_) => {}
            },
        }
    }
    // What has no answer by then is given up when the set is dropped.
    let _ = timeout(FINISH_WITHIN, async { while requests.join_next().await.is_some() {} }).await;
}

fn report(error: &(dyn Error + Send + Sync)) {
    complain(&format_args!("a request of the traffic failed: {error}"));
}

/// The tenants that there are.
const CUSTOMERS: [&str; 5] = ["acme", "globex", "initech", "hooli", "umbrella"];

/// The tenants that a scan makes up.
const MADE_UP: u32 = 100_000;

/// Decides as which tenant to ask next.
#[derive(Debug)]
struct Tenants {
    scenario: Scenario,
    asked: u32,
}

impl Tenants {
    fn of(scenario: Scenario) -> Tenants {
        Tenants { scenario, asked: 0 }
    }

    /// Customers in turn. In a scan, they ask once in ten times; the rest are made up, each as often as the others.
    fn next(&mut self) -> Cow<'static, str> {
        let n = self.asked;
        self.asked = n.wrapping_add(1);
        match self.scenario {
            Scenario::Scan if !n.is_multiple_of(10) => {
                let scanned = n - n / 10 - 1;
                // An odd factor: no two numbers become the same one.
                format!("{:08x}", (scanned % MADE_UP).wrapping_mul(0x9e37_79b1)).into()
            }
            Scenario::Scan => CUSTOMERS[n as usize / 10 % CUSTOMERS.len()].into(),
            Scenario::Calm => CUSTOMERS[n as usize % CUSTOMERS.len()].into(),
        }
    }
}

/// One request to send.
#[derive(Debug)]
struct Call {
    method: Method,
    path: String,
    body: String,
}

impl Call {
    fn get(path: impl Into<String>) -> Call {
        Call::new(Method::GET, path, "")
    }

    fn post(path: impl Into<String>, body: impl Into<String>) -> Call {
        Call::new(Method::POST, path, body)
    }

    fn new(method: Method, path: impl Into<String>, body: impl Into<String>) -> Call {
        Call { method, path: path.into(), body: body.into() }
    }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    body: Bytes,
}

/// The part of an incident that the traffic reads.
#[derive(Debug, Deserialize)]
struct Seen {
    id: i64,
    title: String,
}

/// A client of the API, which is left alone for a while when it keeps failing.
#[derive(Clone, Debug)]
pub(crate) struct ApiClient {
    client: Client<HttpConnector, Body>,
    api: SocketAddr,
    breaker: CircuitBreaker,
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

impl ApiClient {
    pub(crate) fn new(mut api: SocketAddr, breaker: CircuitBreaker) -> ApiClient {
        // A service that listens on every address is reached through the loopback.
        match api.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => api.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => api.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let client = Client::builder(TokioExecutor::new()).build_http();
        ApiClient { client, api, breaker }
    }

    async fn send(&self, call: Call, tenant: &str) -> Outcome<Answer> {
        let request = Request::builder()
            .method(call.method)
            .uri(format!("http://{}{}", self.api, call.path))
            .header(header::CONTENT_TYPE, "application/json")
            .header(TENANT, tenant)
            .body(Body::from(call.body))?;
        let exchange = async {
            let response = self.client.request(request).await?;
            let status = response.status();
            let body = to_bytes(Body::new(response.into_body()), MAX_ANSWER).await?;
            Ok(Answer { status, body })
        };
        let permit = self.breaker.try_acquire()?;
        let outcome = timeout(ANSWER_WITHIN, exchange).await.unwrap_or_else(|late| Err(late.into()));
        match &outcome {
            Ok(answer) if !answer.status.is_server_error() => permit.success(),
            _ => permit.failure(),
        }
        outcome
    }

    /// The incidents that the traffic of an earlier run did not get to resolve.
    async fn left_open(&self) -> Outcome<Vec<Open>> {
        let mut left = Vec::new();
        for (state, acknowledged) in [("NEW", false), ("ACKNOWLEDGED", true)] {
            let path = format!("/v1/incidents?state={state}&limit={CROWD}");
            let answer = self.send(Call::get(path), CUSTOMERS[0]).await?;
            let seen: Vec<Seen> = serde_json::from_slice(&answer.body)?;
            let ours = seen.into_iter().filter(|seen| seen.title.starts_with(TITLE_PREFIX));
            left.extend(ours.map(|seen| Open { id: seen.id, acknowledged }));
        }
        Ok(left)
    }
}

/// An incident of the traffic that is not resolved.
#[derive(Debug)]
struct Open {
    id: i64,
    acknowledged: bool,
}

/// Decides what to send next.
#[derive(Debug)]
struct Plan {
    rng: Rng,
    open: Vec<Open>,
}

impl Plan {
    fn new(rng: Rng) -> Plan {
        let open = Vec::new();
        Plan { rng, open }
    }

    fn next(&mut self) -> Call {
        match self.rng.u32(..100) {
            0..10 => self.create(),
            10..35 => self.progress(),
            35..60 => self.find(),
            60..85 => self.list(),
            85..90 => Call::get("/health"),
            _ => self.mistake(),
        }
    }

    fn learn(&mut self, answer: &Answer) {
        if answer.status != StatusCode::CREATED {
            return;
        }
        if let Ok(Seen { id, .. }) = serde_json::from_slice(&answer.body) {
            let acknowledged = false;
            self.open.push(Open { id, acknowledged });
        }
    }

    fn create(&mut self) -> Call {
        let severities = texts::<Severity>();
        // The greater of two: the worse, the rarer.
        let severity = self.rng.usize(..severities.len()).max(self.rng.usize(..severities.len()));
        let (category, title) = self.pick(&[
            ("performance", "Time to first token above two seconds"),
            ("security", "Prompt injection in a support chat"),
            ("availability", "A provider answers 503"),
            ("compliance", "Personal data in a completion"),
            ("cost", "The token budget of a team is used up"),
        ]);
        let body = json!({
            "title": format!("{TITLE_PREFIX}{title}"),
            "severity": severities[severity],
            "source": self.pick(texts::<Source>()),
            "category": category,
        });
        Call::post("/v1/incidents", body.to_string())
    }

    /// Acknowledges or resolves an open incident. The more are open, the more often it finds one,
    /// so that their number settles.
    fn progress(&mut self) -> Call {
        let turn = self.rng.usize(..CROWD);
        let skips_acknowledgment = self.rng.u32(..100) < 15;
        match self.open.get_mut(turn) {
            None => self.list(),
            Some(open) if open.acknowledged || skips_acknowledgment => {
                let id = self.open.swap_remove(turn).id;
                Call::post(format!("/v1/incidents/{id}/resolve"), "")
            }
            Some(open) => {
                open.acknowledged = true;
                Call::post(format!("/v1/incidents/{}/acknowledge", open.id), "")
            }
        }
    }

    fn find(&mut self) -> Call {
        match self.rng.choice(&self.open) {
            Some(open) => Call::get(format!("/v1/incidents/{}", open.id)),
            None => self.list(),
        }
    }

    fn list(&mut self) -> Call {
        Call::get(self.pick(&[
            "/v1/incidents?limit=20",
            "/v1/incidents?state=NEW&limit=50",
            "/v1/incidents?state=ACKNOWLEDGED&limit=50",
            "/v1/incidents?state=RESOLVED&limit=10",
        ]))
    }

    fn mistake(&mut self) -> Call {
        match self.rng.u32(..7) {
            0 => Call::get("/v1/incidents/0"),
            1 => Call::get("/v1/incidents?limit=all"),
            2 => Call::post("/v1/incidents", r#"{"title": "#),
            3 => Call::post("/v1/incidents", r#"{"title": "?", "severity": "P9"}"#),
            4 => Call::new(Method::DELETE, "/v1/incidents", ""),
            5 => Call::get(format!("/{:08x}/wp-login.php", self.rng.u32(..))),
            _ => self.acknowledge_again(),
        }
    }

    fn acknowledge_again(&mut self) -> Call {
        match self.open.iter().find(|open| open.acknowledged) {
            Some(open) => Call::post(format!("/v1/incidents/{}/acknowledge", open.id), ""),
            None => Call::get("/v1/incident"),
        }
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.usize(..choices.len())]
    }
}

/// What a closed set holds.
fn texts<T: LabelValue>() -> &'static [&'static str] {
    T::VALUES.expect("only called for enums")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn created(id: i64) -> Answer {
        let body = format!(r#"{{"id": {id}, "title": "x"}}"#).into();
        let status = StatusCode::CREATED;
        Answer { status, body }
    }

    #[test]
    fn the_number_of_open_incidents_settles() {
        let mut plan = Plan::new(Rng::with_seed(7));
        let mut most = 0;
        let mut resolved = 0;
        for id in 0..200_000 {
            let call = plan.next();
            if call.method == Method::POST && call.body.contains(TITLE_PREFIX) {
                plan.learn(&created(id));
            }
            resolved += u32::from(call.path.ends_with("/resolve"));
            most = most.max(plan.open.len());
        }
        assert!((500..CROWD).contains(&most), "{most} were open at once");
        assert!(resolved > 15_000, "{resolved} were resolved");
    }

    #[test]
    fn what_it_creates_is_valid() {
        let mut plan = Plan::new(Rng::with_seed(7));
        for _ in 0..200 {
            let body = plan.create().body;
            serde_json::from_str::<crate::incident::NewIncident>(&body).unwrap();
        }
    }

    #[test]
    fn a_scan_makes_up_its_tenants() {
        let asked = |scenario, times| {
            let mut tenants = Tenants::of(scenario);
            (0..times).map(|_| tenants.next()).collect::<HashSet<_>>()
        };
        assert_eq!(asked(Scenario::Calm, 1_000).len(), CUSTOMERS.len());
        let scanned = asked(Scenario::Scan, MADE_UP / 9 * 10 + 10);
        assert_eq!(scanned.len(), MADE_UP as usize + CUSTOMERS.len());
        assert!(CUSTOMERS.iter().all(|customer| scanned.contains(*customer)));
    }

    #[test]
    fn every_address_is_reached() {
        for (listens, called) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("10.0.0.1:80", "10.0.0.1:80")]
        {
            let breaker = CircuitBreaker::builder("api").build().unwrap();
            let client = ApiClient::new(listens.parse().unwrap(), breaker);
            assert_eq!(client.api.to_string(), called);
        }
    }
}
