//! The service as a child process.

use std::fmt::Debug;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Answer, send};

/// Ends with the value that is dropped, so a test that fails leaves no process behind.
pub(crate) struct Service {
    child: Child,
    // Kept open: a closed pipe is not what a service usually writes to.
    stdout: BufReader<ChildStdout>,
    pub(crate) api: SocketAddr,
    pub(crate) grpc: SocketAddr,
    /// `None` if they are not served.
    metrics: Option<SocketAddr>,
}

impl Service {
    /// Starts the service on ports of its own with the database `file`.
    pub(crate) fn start(file: &Path, traffic: &str) -> Service {
        Service::start_with(file, &["--traffic", traffic])
    }

    /// As [`start`](Self::start), with other arguments.
    pub(crate) fn start_with(file: &Path, arguments: &[&str]) -> Service {
        Service::run(command(arguments), file)
    }

    /// Starts it without traffic, to ask the models `a` and `b` of this server with the key `secret`. It trusts the certificate of the
    /// tests.
    pub(crate) fn start_with_model(file: &Path, server: &str) -> Service {
        Service::start_with_model_and(file, server, &["--models", "a,b"])
    }

    /// As [`start_with_model`](Self::start_with_model), with other arguments.
    pub(crate) fn start_with_model_and(file: &Path, server: &str, arguments: &[&str]) -> Service {
        let mut command = command(&["--traffic", "off", "--llm", server]);
        command.args(arguments);
        let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tls/certificate.pem");
        command.env("LLM_API_KEY", "secret").env("SSL_CERT_FILE", certificate);
        Service::run(command, file)
    }

    /// Starts it without traffic, where no file can grow beyond a few hundred KiB: as on a disk that is full.
    #[cfg(unix)]
    pub(crate) fn start_on_a_full_disk(file: &Path) -> Service {
        let mut command = Command::new("sh");
        let script = r#"trap '' XFSZ && ulimit -f 400 && exec "$0" "$@""#;
        command.args(["-c", script, env!("CARGO_BIN_EXE_incident_manager"), "--traffic", "off"]).stdin(Stdio::null());
        Service::run(command, file)
    }

    pub(crate) fn run(mut command: Command, file: &Path) -> Service {
        let mut child = command
            .args(["--api", "127.0.0.1:0"])
            .args(["--grpc", "127.0.0.1:0"])
            .args(["--metrics", "127.0.0.1:0", "--database"])
            .arg(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut address = |name| read_address(&mut stdout, name);
        let api = address("api").unwrap();
        let grpc = address("grpc").unwrap();
        let metrics = address("metrics");
        Service { child, stdout, api, grpc, metrics }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        send(self.api, "GET", path, "")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        send(self.api, "POST", path, body)
    }

    /// Creates an incident and tells its id.
    pub(crate) fn create(&self, severity: &str, source: &str, category: &str) -> i64 {
        let incident = json!({
            "title": "Test", "severity": severity, "source": source, "category": category,
        });
        self.create_from(&incident)
    }

    pub(crate) fn create_from(&self, incident: &Value) -> i64 {
        let answer = self.post("/v1/incidents", &incident.to_string());
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["id"].as_i64().unwrap()
    }

    pub(crate) fn scrape(&self) -> String {
        let answer = send(self.metrics(), "GET", "/metrics", "");
        assert_eq!(answer.status, 200);
        answer.body
    }

    /// Where metrics are served.
    pub(crate) fn metrics(&self) -> SocketAddr {
        self.metrics.expect("metrics are served")
    }

    pub(crate) fn has_metrics(&self) -> bool {
        self.metrics.is_some()
    }

    /// The value of a series, written as on `/metrics`.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        let text = self.scrape();
        let mut values = text.lines().filter_map(|line| line.strip_prefix(series));
        values.find_map(|rest| rest.strip_prefix(' ')?.parse().ok())
    }

    /// Stops the service with a signal; it must end with success, before `limit`, and without a complaint but of jobs that
    /// failed: the stand-ins fail by chance.
    pub(crate) fn stop(mut self, signal: &str, limit: Duration) {
        let mut errors = String::new();
        self.end(signal, limit);
        self.stderr().read_to_string(&mut errors).unwrap();
        let of_a_job = |line: &str| line.contains(" job of incident ");
        assert_eq!(errors.lines().filter(|line| !of_a_job(line)).collect::<Vec<_>>(), [""; 0]);
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// The next line that it says.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "it says no more");
        line.trim_end().to_owned()
    }

    /// Stops it as well; what it has complained of does not matter.
    pub(crate) fn end(&mut self, signal: &str, limit: Duration) {
        self.signal(signal);
        let status = wait(&mut self.child, limit);
        let status = status.unwrap_or_else(|| panic!("it still runs after {limit:?}"));
        assert_eq!(status.code(), Some(0));
    }

    /// Waits for the line in which a run that has an end says what was answered.
    pub(crate) fn summary(&mut self) -> Value {
        let lines = self.stdout.by_ref().lines().map(Result::unwrap);
        let summary = lines.filter_map(|line| Some(line.strip_prefix("summary ")?.to_owned())).next();
        serde_json::from_str(&summary.expect("it ended before")).unwrap()
    }

    /// All that it says until it ends.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        rest
    }

    /// What nobody reads unless a test does. It can be had once.
    pub(crate) fn stderr(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_address(stdout: &mut impl BufRead, name: &str) -> Option<SocketAddr> {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let url = line.strip_prefix(name).unwrap_or_else(|| panic!("{line:?} is not {name}")).trim();
    let address = url.strip_prefix("http://")?.split('/').next()?;
    Some(address.parse().unwrap())
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_incident_manager"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the service with arguments that make it end by itself.
pub(crate) fn output(arguments: &[&str]) -> Output {
    let mut command = command(arguments);
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    if wait(&mut child, Duration::from_secs(10)).is_none() {
        child.kill().unwrap();
    }
    child.wait_with_output().unwrap()
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < limit {
        let status = child.try_wait().unwrap();
        if status.is_some() {
            return status;
        }
        sleep(Duration::from_millis(10));
    }
    None
}

/// The path of a database that is not there yet.
pub(crate) fn database(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder.join("incidents.sqlite")
}

/// Waits until `look` sees what is wanted: a request is recorded when its answer has been sent,
/// which its client may know first.
pub(crate) fn eventually<T: PartialEq + Debug>(look: impl Fn() -> T, wanted: T, what: &str) {
    let start = Instant::now();
    while look() != wanted {
        if start.elapsed() > Duration::from_secs(10) {
            assert_eq!(look(), wanted, "{what}");
        }
        sleep(Duration::from_millis(20));
    }
}
