//! Writes dashboards and rules. `cargo run -p quipu-ops -- --help` says what can be chosen.

use quipu_ops::{Families, Settings, files};
use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
Writes dashboards of Grafana and rules of Prometheus.

  --to DIRECTORY      in which dashboards/, rules/, kubernetes/ and kustomization.yml are written; what is there of these names is
                      replaced (ops/ of the repository that this program was built from)
  --config FILE       the service's configuration, with the thresholds of alerts, the namespace, the bounds and what is switched off
  --job JOB           the label `job` of the service's series (incident-manager)
  --prefix PREFIX     what stands before the names of its metrics, with the `_` at its end (the namespace of FILE, or nothing)
  --runbooks ADDRESS  below which the pages of docs/runbooks are (docs/runbooks)

Variables of the environment go before FILE, and are read without one as well, such as METRICS_INCIDENTS_ENABLED=false.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quipu-ops: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut settings = Settings::default();
    let mut to = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let (mut config, mut prefix) = (None, None);
    let no_text = |argument: OsString| format!("{}: write it as text in UTF-8", argument.display());
    let arguments = std::env::args_os().skip(1).map(|argument| argument.into_string().map_err(no_text));
    let mut arguments = arguments.collect::<Result<Vec<_>, _>>()?.into_iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value; --help says which"));
        match &*argument {
            "--to" => to = value()?.into(),
            "--config" => config = Some(PathBuf::from(value()?)),
            "--job" => settings.job = value()?,
            "--prefix" => prefix = Some(value()?),
            "--runbooks" => value()?.trim_end_matches('/').clone_into(&mut settings.runbooks),
            "--help" => {
                println!("{HELP}");
                return Ok(());
            }
            other => return Err(format!("{other} is no option; --help lists them").into()),
        }
    }
    settings.read(config.as_deref(), std::env::vars_os())?;
    // What is written on the command line goes before the file, in whatever order.
    settings.prefix = prefix.unwrap_or(settings.prefix);
    for (path, text) in files(&Families::new()?, &settings)? {
        let path = to.join(path);
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
        std::fs::write(&path, text).map_err(failed)?;
    }
    Ok(())
}
