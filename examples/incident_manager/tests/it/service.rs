//! The service as a child process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::{Answer, send};

/// Ends with the value that is dropped, so a test that fails leaves no process behind.
pub(crate) struct Service {
    child: Child,
    // Kept open: a closed pipe is not what a service usually writes to.
    _stdout: BufReader<ChildStdout>,
    pub(crate) api: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

impl Service {
    /// Starts the service on ports of its own with the database `file`.
    pub(crate) fn start(file: &Path, traffic: &str) -> Service {
        let mut child = command(&["--traffic", traffic, "--api", "127.0.0.1:0"])
            .args(["--metrics", "127.0.0.1:0", "--database"])
            .arg(file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let api = read_address(&mut stdout, "api", "");
        let metrics = read_address(&mut stdout, "metrics", "/metrics");
        Service {
            child,
            _stdout: stdout,
            api,
            metrics,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        send(self.api, "GET", path, "")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        send(self.api, "POST", path, body)
    }

    /// Creates an incident and tells its id.
    pub(crate) fn create(&self, severity: &str, source: &str, category: &str) -> i64 {
        let body = format!(
            r#"{{"title": "Test", "severity": "{severity}", "source": "{source}", "category": "{category}"}}"#
        );
        let answer = self.post("/v1/incidents", &body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["id"].as_i64().unwrap()
    }

    pub(crate) fn scrape(&self) -> String {
        let answer = send(self.metrics, "GET", "/metrics", "");
        assert_eq!(answer.status, 200);
        answer.body
    }

    /// The value of a series, written as on `/metrics`.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        let text = self.scrape();
        let mut values = text.lines().filter_map(|line| line.strip_prefix(series));
        values.find_map(|rest| rest.strip_prefix(' ')?.parse().ok())
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// How the service ended, and how long it took from now.
    pub(crate) fn wait(&mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, start.elapsed());
            }
            sleep(Duration::from_millis(10));
        }
        panic!("the service does not end")
    }

    /// Stops the service as an operator would.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        assert!(self.wait().0.success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_address(stdout: &mut impl BufRead, name: &str, path: &str) -> SocketAddr {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let url = line.strip_prefix(name).unwrap().trim();
    let address = url.strip_prefix("http://").unwrap();
    address.strip_suffix(path).unwrap().parse().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_incident_manager"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the service with arguments that make it end by itself.
pub(crate) fn output(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// The path of a database that is not there yet.
pub(crate) fn database(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder.join("incidents.sqlite")
}
