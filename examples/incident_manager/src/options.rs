//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use lexopt::prelude::{Long, Short, ValueExt};

pub(crate) const HELP: &str = "\
An incident API over SQLite that measures itself with quipu, and traffic to look at.

Usage: incident_manager [OPTIONS]

Options:
  --api ADDR        Address of the API [default: 127.0.0.1:8080]
  --metrics ADDR    Address of the scrape server [default: 127.0.0.1:9090]
  --database FILE   SQLite file, created if it is not there [default: incidents.sqlite]
  --traffic RATE    Requests per second that the service sends to its own API over TCP,
                    from 1 to 5000, or `off` [default: 50; of the scenario scan: 2000]
  --scenario NAME   What the traffic is like: `calm`, or `scan`, in which most requests name
                    one of 100000 made-up tenants [default: calm]
  -h, --help        Print this help
  -V, --version     Print the version

An ADDR is IP:PORT. With port 0 the system picks one; the first two lines printed tell which.
The newest 10000 resolved incidents are kept. SIGINT (Ctrl-C) and SIGTERM stop the service.
";

const MAX_RATE: u32 = 5_000;

#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Run(Options),
    Help,
    Version,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) api: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) database: PathBuf,
    /// Requests per second; `None` is no traffic.
    pub(crate) traffic: Option<u32>,
    pub(crate) scenario: Scenario,
}

/// What the traffic is like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Scenario {
    #[default]
    Calm,
    /// Somebody tries out tenants.
    Scan,
}

impl Scenario {
    const ALL: [(&str, Scenario); 2] = [("calm", Scenario::Calm), ("scan", Scenario::Scan)];

    /// Requests per second, unless others are asked for.
    fn rate(self) -> u32 {
        match self {
            Scenario::Calm => 50,
            Scenario::Scan => 2_000,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            api: SocketAddr::from(([127, 0, 0, 1], 8080)),
            metrics: SocketAddr::from(([127, 0, 0, 1], 9090)),
            database: PathBuf::from("incidents.sqlite"),
            traffic: Some(Scenario::default().rate()),
            scenario: Scenario::default(),
        }
    }
}

/// Reads the arguments that follow the program's name; the error is one line that says what to write instead.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    read(lexopt::Parser::from_args(arguments)).map_err(|error| format!("{error}; see --help"))
}

fn read(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut options = Options::default();
    let mut traffic = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("api") => options.api = address(&mut parser, "--api")?,
            Long("metrics") => options.metrics = address(&mut parser, "--metrics")?,
            Long("database") => options.database = parser.value()?.into(),
            Long("traffic") => traffic = Some(rate(&mut parser)?),
            Long("scenario") => options.scenario = scenario(&mut parser)?,
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            other => return Err(other.unexpected()),
        }
    }
    options.traffic = traffic.unwrap_or(Some(options.scenario.rate()));
    Ok(Command::Run(options))
}

fn address(parser: &mut lexopt::Parser, option: &str) -> Result<SocketAddr, lexopt::Error> {
    let text = parser.value()?.string()?;
    text.parse().map_err(|_| {
        let wanted = "is not IP:PORT, such as 127.0.0.1:8080";
        format!("{option}: {text:?} {wanted}").into()
    })
}

fn rate(parser: &mut lexopt::Parser) -> Result<Option<u32>, lexopt::Error> {
    let text = parser.value()?.string()?;
    if text == "off" {
        return Ok(None);
    }
    match text.parse() {
        Ok(rate @ 1..=MAX_RATE) => Ok(Some(rate)),
        _ => Err(format!("--traffic: {text:?} is neither `off` nor 1 to {MAX_RATE}").into()),
    }
}

fn scenario(parser: &mut lexopt::Parser) -> Result<Scenario, lexopt::Error> {
    let text = parser.value()?.string()?;
    let scenario = Scenario::ALL.into_iter().find_map(|(name, scenario)| (name == text).then_some(scenario));
    scenario.ok_or_else(|| format!("--scenario: {text:?} is neither `calm` nor `scan`").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn defaults_need_no_flag() {
        assert_eq!(parsed(""), Ok(Command::Run(Options::default())));
    }

    #[test]
    fn every_option_is_read() {
        let line = "--api [::1]:80 --metrics=0.0.0.0:0 --database /tmp/a.sqlite --traffic 7 --scenario scan";
        let wanted = Options {
            api: "[::1]:80".parse().unwrap(),
            metrics: "0.0.0.0:0".parse().unwrap(),
            database: "/tmp/a.sqlite".into(),
            traffic: Some(7),
            scenario: Scenario::Scan,
        };
        assert_eq!(parsed(line), Ok(Command::Run(wanted)));
        for (line, traffic) in
            [("--traffic off", None), ("--scenario scan", Some(2_000)), ("--scenario calm", Some(50))]
        {
            let Ok(Command::Run(options)) = parsed(line) else { panic!("{line} is refused") };
            assert_eq!(options.traffic, traffic, "{line}");
        }
        assert_eq!(parsed("--api 1.2.3.4:5 -h"), Ok(Command::Help));
        assert_eq!(parsed("-V"), Ok(Command::Version));
    }

    #[test]
    fn errors_name_the_offender_on_one_line() {
        for (line, offender) in [
            ("--api localhost", "localhost"),
            ("--metrics 127.0.0.1", "127.0.0.1"),
            ("--traffic 0", "0"),
            ("--traffic 5001", "5001"),
            ("--traffic no", "no"),
            ("--traffic", "--traffic"),
            ("--scenario storm", "storm"),
            ("--frequency 3", "--frequency"),
            ("fast", "fast"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(offender), "{line}: {error}");
            assert!(error.ends_with("see --help"), "{line}: {error}");
            assert_eq!(error.lines().count(), 1, "{line}: {error}");
        }
    }
}
