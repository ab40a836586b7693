//! What a deployment sets stands in the files, and what makes no sense is told.

use crate::{FAMILIES, settings};
use quipu_ops::{CannotWrite, Settings, files, rules};
use std::ffi::OsStr;
use std::path::Path;

fn read(text: &str) -> Settings {
    read_with(text, &[])
}

fn read_with(text: &str, variables: &[(&str, &str)]) -> Settings {
    let file = std::env::temp_dir().join(format!("quipu-ops-{}-{}.toml", std::process::id(), text.len()));
    std::fs::write(&file, text).unwrap();
    let mut settings = settings();
    let read = settings.read(Some(&file), variables.iter().map(|(name, text)| (name.into(), text.into())));
    std::fs::remove_file(&file).unwrap();
    read.unwrap();
    settings
}

fn query(settings: &Settings, alert: &str) -> String {
    let files = rules::all(&FAMILIES, settings).unwrap();
    files.iter().flat_map(|file| file.alerts()).find(|one| one.name == alert).unwrap().query.clone()
}

#[test]
fn thresholds_come_from_the_configuration() {
    let settings = read(
        "[metrics]\nnamespace = \"shop\"\n[metrics.llm]\nenabled = true\n[metrics.alerts]\nactive_p0_incidents_threshold = 5\n\
         high_error_rate_threshold = 0.2\nhigh_latency_p95_seconds = 0.5\nllm_error_rate_threshold = 0.3\njob_queue_backlog_threshold = 50\n\
         availability_objective = 0.95\n",
    );
    let expected = [
        (
            "CriticalIncidentsActive",
            "sum by (job) (shop_incidents_active{job=\"incident-manager\",severity=\"P0\"}) > 5",
        ),
        ("HighHTTPErrorRate", "job:http_requests_failed:ratio_rate5m{job=\"incident-manager\"} > 0.2"),
    ];
    for (alert, expected) in expected {
        assert_eq!(query(&settings, alert), expected);
    }
    assert!(
        query(&settings, "HighAPILatency")
            .ends_with("(shop_http_request_duration_seconds_bucket{job=\"incident-manager\"}[5m]))) > 0.5")
    );
    assert!(query(&settings, "LLMHighErrorRate").ends_with("> 0.3"));
    assert!(query(&settings, "JobQueueBacklog").ends_with("> 50"));
    // 2 % of a budget of 5 % in an hour of 30 days: 14.4 times as fast.
    let burn = query(&settings, "HTTPAvailabilityFastBurn");
    assert!(
        burn.contains("rate1h{job=\"incident-manager\"} > 0.72\n")
            && burn.contains("rate30m{job=\"incident-manager\"} > 0.3\n"),
        "{burn}"
    );
    let dashboards = files(&FAMILIES, &settings).unwrap();
    let (_, overview) = dashboards.iter().find(|(path, _)| path == "dashboards/quipu-overview.json").unwrap();
    assert!(overview.contains("\"query\": \"shop_\"") && overview.contains("\"value\": 0.2"));
}

#[test]
fn variables_go_before_the_configuration() {
    let variables = [("METRICS_ALERTS_HIGH_ERROR_RATE_THRESHOLD", "0.25"), ("METRICS_NAMESPACE", "bakery")];
    let settings = read_with("[metrics.alerts]\nhigh_error_rate_threshold = 0.2\n", &variables);
    assert!(query(&settings, "HighHTTPErrorRate").ends_with("> 0.25"));
    assert_eq!(settings.prefix, "bakery_");
}

#[test]
fn what_is_switched_off_is_not_missed() {
    let absent = |settings: &Settings| {
        let files = rules::all(&FAMILIES, settings).unwrap();
        let names = files.iter().flat_map(|file| file.alerts()).map(|alert| alert.name);
        names.filter(|name| name.ends_with("MetricsAbsent")).collect::<Vec<_>>()
    };
    assert_eq!(absent(&settings()), ["HTTPMetricsAbsent", "IncidentMetricsAbsent"]);
    assert_eq!(absent(&read("[metrics.incidents]\nenabled = false\n")), ["HTTPMetricsAbsent"]);
    assert_eq!(absent(&read("[metrics.http]\nenabled = false\n")), ["IncidentMetricsAbsent"]);
    let variable = [("METRICS_INCIDENTS_ENABLED", "false")];
    assert_eq!(absent(&read_with("", &variable)), ["HTTPMetricsAbsent"]);
}

#[test]
fn an_option_goes_before_the_file_in_any_order_and_variables_need_none() {
    let folder = std::env::temp_dir().join(format!("quipu-ops-{}-options", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let config = folder.join("metrics.toml");
    std::fs::write(&config, "[metrics]\nnamespace = \"shop\"\n").unwrap();
    let config = ["--config", config.to_str().unwrap()];
    let prefix = ["--prefix", "bakery_"];
    let metric = |options: &[&str], variables: &[(&str, &str)]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_quipu-ops"));
        assert!(
            program.arg("--to").arg(&folder).args(options).envs(variables.iter().copied()).status().unwrap().success()
        );
        let rules = std::fs::read_to_string(folder.join("rules/service.yml")).unwrap();
        let (before, _) = rules.split_once("incidents_active{").unwrap();
        before.rsplit('(').next().unwrap().to_owned()
    };
    let prefixes = [&config[..], &[config, prefix].concat(), &[prefix, config].concat(), &prefix]
        .map(|options| metric(options, &[]));
    let alone = metric(&[], &[("METRICS_NAMESPACE", "alone")]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(alone, "alone_");
    assert_eq!(prefixes, ["shop_", "bakery_", "bakery_", "bakery_"]);
}

#[test]
fn the_latency_objective_is_a_bound_of_the_histogram() {
    let objective = |bounds: &str| {
        let text = format!(
            "[metrics.histograms]\nhttp_request_duration_seconds = {bounds}\n[metrics.alerts]\nlatency_objective_seconds = 0.3\n"
        );
        rules::all(&FAMILIES, &read(&text)).map(|_| ())
    };
    assert_eq!(objective("[0.1, 0.3]"), Ok(()));
    let error = objective("[0.1, 0.5]").unwrap_err();
    assert_eq!(error, CannotWrite::Latency { seconds: 0.3, bounds: vec![0.1, 0.5] });
    let expected = "`latency_objective_seconds` is 0.3, which is none of the bounds of `http_request_duration_seconds`: write one of [0.1, 0.5]";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn bounds_are_found_by_both_names_of_the_histogram() {
    let bounds =
        |families: &str| read(&format!("[metrics]\nnamespace = \"shop_\"\n[metrics.histograms]\n{families}")).bounds;
    let [short, whole] = ["http_request_duration_seconds = [1]\n", "shop_http_request_duration_seconds = [2]\n"];
    assert_eq!(bounds(short), Some(vec![1.0]));
    assert_eq!(bounds(whole), Some(vec![2.0]));
    assert_eq!(bounds(&format!("{short}{whole}")), Some(vec![2.0]));
}

#[test]
fn what_makes_no_sense_is_told() {
    let check = |change: fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        files(&FAMILIES, &settings).map(|_| ()).unwrap_err()
    };
    for job in ["", "a\"b", "a\\b", "${job}", "{{ job }}", "a\nb", "a\x07", "a\u{85}"] {
        let mut wrong = settings();
        wrong.job = job.to_owned();
        assert_eq!(files(&FAMILIES, &wrong).map(|_| ()), Err(CannotWrite::Job(job.to_owned())));
    }
    for prefix in ["shop", "9_", "a-b_"] {
        let mut wrong = settings();
        wrong.prefix = prefix.to_owned();
        assert_eq!(files(&FAMILIES, &wrong).map(|_| ()), Err(CannotWrite::Prefix(prefix.to_owned())));
    }
    let objective = check(|settings| settings.alerts.availability_objective = 1.0);
    assert_eq!(objective, CannotWrite::Objective { key: "availability_objective", objective: 1.0 });
    assert_eq!(
        check(|settings| settings.alerts.latency_objective = 0.0),
        CannotWrite::Objective { key: "latency_objective", objective: 0.0 }
    );
    let objective = check(|settings| settings.alerts.latency_objective = f64::NAN);
    assert!(matches!(objective, CannotWrite::Objective { key: "latency_objective", .. }), "{objective}");
}

#[test]
fn what_the_program_cannot_do_is_told_in_a_line() {
    let told = |arguments: &[&OsStr]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_quipu-ops")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let inside = file.join("dashboards");
    let error = told(&["--to".as_ref(), file.as_ref()]);
    assert!(error.starts_with(&format!("quipu-ops: {}", inside.display())) && error.lines().count() == 1, "{error}");
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let error = told(&["--job".as_ref(), OsStr::from_bytes(b"a\xff")]);
        assert_eq!(error, "quipu-ops: a\u{fffd}: write it as text in UTF-8\n");
    }
}

#[test]
fn a_configuration_that_is_no_table_is_told_once() {
    let mut settings = settings();
    let file = std::env::temp_dir().join(format!("quipu-ops-{}-no-table.toml", std::process::id()));
    std::fs::write(&file, "metrics = 1\n").unwrap();
    let error = settings.read(Some(&file), []).unwrap_err().to_string();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(error, format!("{}:1:1: `metrics` is 1: write a table, [metrics]", file.display()));
}
