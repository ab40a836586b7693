//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use lexopt::prelude::{Long, Short, ValueExt};

use crate::scenario::Scenario;

pub(crate) const HELP: &str = "\
An incident API over SQLite that measures itself with quipu, and traffic to look at.

Usage: incident_manager [OPTIONS]

Options:
  --api ADDR        Address of the API [default: 127.0.0.1:8080]
  --grpc ADDR       Address of the same by gRPC [default: 127.0.0.1:8081]
  --metrics ADDR    Address of the scrape server, before what the configuration says
                    [default: 127.0.0.1:9090]
  --config FILE     Configuration of the metrics, in TOML; SIGHUP reads it again. Variables of
                    the environment, such as METRICS_LISTEN_ADDRESS, go before it
  --check           Says what is wrong with the configuration, or that it is good, and ends
  --example         Prints a configuration with every key, its default, range and variable
  --database FILE   SQLite file, created if it is not there [default: incidents.sqlite]
  --scenario NAME   What the world is like [default: calm]:
                      calm        little happens, and most of it goes well
                      busy        the same, and much more of it
                      incident    a storm of urgent alarms, and helpers that are slow and fail
                      llm-outage  the first model is down
                      scan        most requests name one of 100000 made-up tenants
  --traffic RATE    Requests per second that the service sends to its own API over TCP,
                    from 1 to 5000, or `off` [default: as the scenario has it; calm: 50]
  --operations N    Ends the traffic after so many requests, waits until all jobs are done,
                    and prints a line `summary`, with what was answered as JSON
  --seed N          Draws the same chances as another run with the same number; what they decide
                    can come in another order
  --without-metrics Measures no requests and shows nothing, to see what that costs; trackers of
                    the work behind the requests still record, into series that nobody reads
  --llm URL         Server with an OpenAI-compatible API, such as http://127.0.0.1:11434 or
                    https://api.openai.com; its key is read from LLM_API_KEY
                    [default: $LLM_BASE_URL, or else a stand-in]
  --models A,B      The model that is asked, and the one that answers when that does not
                    [default: gpt-4o,gpt-4o-mini]
  -h, --help        Print this help
  -V, --version     Print the version

An ADDR is IP:PORT. With port 0 the system picks one; the first three lines printed tell which.
The newest 10000 resolved incidents are kept. SIGINT (Ctrl-C) and SIGTERM stop the service.
";

const MAX_RATE: u32 = 5_000;

#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Run(Box<Options>),
    /// Reads the configuration, and does nothing else.
    Check(Box<Options>),
    Example,
    Help,
    Version,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) api: SocketAddr,
    pub(crate) grpc: SocketAddr,
    /// `None` is what the configuration says.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) database: PathBuf,
    /// Requests per second; `None` is no traffic.
    pub(crate) traffic: Option<u32>,
    /// Requests in all; `None` is no end.
    pub(crate) operations: Option<u64>,
    pub(crate) seed: Option<u64>,
    pub(crate) scenario: Scenario,
    pub(crate) without_metrics: bool,
    /// The server of the models; `None` is the stand-in.
    pub(crate) llm: Option<String>,
    pub(crate) models: [String; 2],
}

impl Default for Options {
    fn default() -> Self {
        Options {
            api: SocketAddr::from(([127, 0, 0, 1], 8080)),
            grpc: SocketAddr::from(([127, 0, 0, 1], 8081)),
            metrics: None,
            config: None,
            database: PathBuf::from("incidents.sqlite"),
            traffic: Some(Scenario::default().profile().rate),
            operations: None,
            seed: None,
            scenario: Scenario::default(),
            without_metrics: false,
            llm: None,
            models: ["gpt-4o", "gpt-4o-mini"].map(str::to_owned),
        }
    }
}

/// Reads the arguments that follow the program's name; the error is one line that says what to write instead.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    read(lexopt::Parser::from_args(arguments)).map_err(|error| format!("{error}; see --help"))
}

fn read(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut options = Options::default();
    let (mut traffic, mut is_check) = (None, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("api") => options.api = address(&mut parser, "--api")?,
            Long("grpc") => options.grpc = address(&mut parser, "--grpc")?,
            Long("metrics") => options.metrics = Some(address(&mut parser, "--metrics")?),
            Long("config") => options.config = Some(parser.value()?.into()),
            Long("check") => is_check = true,
            Long("example") => return Ok(Command::Example),
            Long("database") => options.database = parser.value()?.into(),
            Long("traffic") => traffic = Some(rate(&mut parser)?),
            Long("operations") => options.operations = Some(number(&mut parser, "--operations")?),
            Long("seed") => options.seed = Some(number(&mut parser, "--seed")?),
            Long("without-metrics") => options.without_metrics = true,
            Long("llm") => options.llm = Some(parser.value()?.string()?),
            Long("models") => options.models = models(&mut parser)?,
            Long("scenario") => options.scenario = scenario(&mut parser)?,
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            other => return Err(other.unexpected()),
        }
    }
    options.traffic = traffic.unwrap_or(Some(options.scenario.profile().rate));
    if options.operations.is_some() && options.traffic.is_none() {
        return Err("--operations needs traffic: leave out `--traffic off`".into());
    }
    let options = Box::new(options);
    Ok(if is_check { Command::Check(options) } else { Command::Run(options) })
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

fn number(parser: &mut lexopt::Parser, option: &str) -> Result<u64, lexopt::Error> {
    let text = parser.value()?.string()?;
    text.parse().map_err(|_| format!("{option}: {text:?} is no whole number").into())
}

fn models(parser: &mut lexopt::Parser) -> Result<[String; 2], lexopt::Error> {
    let text = parser.value()?.string()?;
    match text.split_once(',') {
        Some((first, second)) if !first.is_empty() && !second.is_empty() && first != second => {
            Ok([first.to_owned(), second.to_owned()])
        }
        _ => Err(format!("--models: {text:?} is not two names that differ, such as gpt-4o,gpt-4o-mini").into()),
    }
}

fn scenario(parser: &mut lexopt::Parser) -> Result<Scenario, lexopt::Error> {
    let text = parser.value()?.string()?;
    let scenario = Scenario::ALL.into_iter().find_map(|(name, scenario)| (name == text).then_some(scenario));
    scenario.ok_or_else(|| {
        let names = Scenario::ALL.map(|(name, _)| name).join(", ");
        format!("--scenario: {text:?} is none of {names}").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn defaults_need_no_flag() {
        assert_eq!(parsed(""), Ok(Command::Run(Box::default())));
    }

    #[test]
    fn every_option_is_read() {
        let line = "--api [::1]:80 --grpc 1.2.3.4:5 --metrics=0.0.0.0:0 --config a.toml --database /tmp/a.sqlite --traffic 7 --scenario scan \
            --operations 9 --seed 3 --without-metrics --llm http://a:1 --models a,b";
        let wanted = Options {
            api: "[::1]:80".parse().unwrap(),
            grpc: "1.2.3.4:5".parse().unwrap(),
            metrics: Some("0.0.0.0:0".parse().unwrap()),
            config: Some("a.toml".into()),
            database: "/tmp/a.sqlite".into(),
            traffic: Some(7),
            operations: Some(9),
            seed: Some(3),
            scenario: Scenario::Scan,
            without_metrics: true,
            llm: Some("http://a:1".to_owned()),
            models: ["a", "b"].map(str::to_owned),
        };
        assert_eq!(parsed(line), Ok(Command::Run(Box::new(wanted))));
        for (line, traffic) in
            [("--traffic off", None), ("--scenario scan", Some(2_000)), ("--scenario calm", Some(50))]
        {
            let Ok(Command::Run(options)) = parsed(line) else { panic!("{line} is refused") };
            assert_eq!(options.traffic, traffic, "{line}");
        }
        assert_eq!(parsed("--api 1.2.3.4:5 -h"), Ok(Command::Help));
        assert_eq!(parsed("--check"), Ok(Command::Check(Box::default())));
        assert_eq!(parsed("--example"), Ok(Command::Example));
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
            ("--config", "--config"),
            ("--scenario storm", "storm"),
            ("--operations many", "many"),
            ("--seed -1", "-1"),
            ("--models gpt-4o", "gpt-4o"),
            ("--models a,a", "a,a"),
            ("--operations 5 --traffic off", "--operations"),
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
