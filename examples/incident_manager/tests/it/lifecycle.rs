//! How the service starts, refuses to start, and stops.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::client::connect;
use crate::service::{Service, database, output};

/// Runs the service, which must fail with one line that contains all of `parts`, and returns the line.
fn refused(arguments: &[&str], parts: &[&str]) -> String {
    let output = output(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
    assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
    assert!(error.starts_with("incident_manager: "), "{error}");
    for part in parts {
        assert!(error.contains(part), "{part} is not in {error}");
    }
    assert!(output.stdout.is_empty(), "{arguments:?}");
    error
}

#[test]
fn a_taken_port_is_named() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let free = "127.0.0.1:0";
    let file = database("taken");
    let file = file.to_str().unwrap();
    let rest = ["--grpc", free, "--database", file, "--traffic", "off"];
    let api = [&["--api", &taken, "--metrics", free], &rest[..]].concat();
    let api = refused(&api, &[&taken, "in use", "--api"]);
    assert!(!Path::new(file).exists());
    let metrics = [&["--api", free, "--metrics", &taken], &rest[..]].concat();
    let metrics = refused(&metrics, &[&taken, "in use", "--metrics"]);
    for error in [api, metrics] {
        assert_eq!(error.matches(&taken).count(), 1, "{error}");
    }
}

#[test]
fn a_database_that_cannot_be_used_is_named() {
    let ports = ["--api", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--database"];
    let refused_file = |file: &str, part: &str| {
        let arguments = [&ports[..], &[file]].concat();
        refused(&arguments, &[file, part, "--database"]);
    };
    let file = database("unusable");
    let folder = file.parent().unwrap().to_str().unwrap();
    refused_file(folder, "unable to open");
    refused_file(&format!("{folder}/missing/a.sqlite"), "unable to open");
    let text = format!("{folder}/text.sqlite");
    fs::write(&text, "some notes that nobody wants to lose ".repeat(50)).unwrap();
    refused_file(&text, "not a database");

    let _holder = Service::start(&file, "off");
    refused_file(file.to_str().unwrap(), "another process uses it");
}

#[test]
fn wrong_options_are_named() {
    refused(&["--api", "localhost"], &["--api", "localhost", "--help"]);
    refused(&["--traffic", "lots"], &["--traffic", "lots", "--help"]);
    refused(&["--colour"], &["--colour", "--help"]);
    refused(&["fast"], &["fast", "--help"]);
}

#[test]
fn help_and_version_are_printed() {
    let help = output(&["--help"]);
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success());
    for option in [
        "--api",
        "--grpc",
        "--metrics",
        "--database",
        "--traffic",
        "--scenario",
        "--operations",
        "--config",
        "--check",
        "--version",
    ] {
        assert!(text.contains(option), "{option}");
    }
    let version = output(&["-V"]);
    let text = String::from_utf8(version.stdout).unwrap();
    assert_eq!(text.trim(), concat!("incident_manager ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn signals_end_it_cleanly_under_traffic() {
    for signal in ["TERM", "INT"] {
        let file = database(&format!("signal-{signal}"));
        let service = Service::start(&file, "300");
        sleep(Duration::from_millis(300));
        service.stop(signal, Duration::from_secs(5));
        // SQLite removes its log when the last connection is closed.
        assert!(!file.with_extension("sqlite-wal").exists());
        assert!(file.exists());
    }
}

#[test]
fn open_connections_do_not_keep_it_up() {
    let service = Service::start(&database("open"), "off");
    let mut open = Vec::new();
    for (address, path) in [(service.api, "/health"), (service.metrics(), "/metrics")] {
        let silent = connect(address);
        let mut idle = connect(address);
        write!(idle, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        assert!(idle.read(&mut [0; 64]).unwrap() > 0);
        let mut unfinished = connect(address);
        write!(unfinished, "GET {path} HTTP/1.1\r\nHost: te").unwrap();
        open.extend([silent, idle, unfinished]);
    }
    sleep(Duration::from_millis(100));
    service.stop("TERM", Duration::from_secs(9));
}
