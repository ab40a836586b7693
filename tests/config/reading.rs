//! What is read, and what is said of what is wrong.

use crate::{builder, refused};
use quipu::Engine;
use quipu::config::{Place, Sources};
use quipu::engine::{FamilyBudget, Settings};
use quipu_catalog::config::{CatalogConfig, LlmConfig};
use quipu_catalog::llm::Price;
use std::collections::BTreeMap;

const SECRET: &str = "correct horse";

/// The files of all keys: `QUIPU_WRITE_KEYS=1 cargo test -p quipu --test config all_keys` writes them anew.
#[test]
fn the_files_of_all_keys_are_up_to_date() {
    for (file, text) in [("docs/metrics.toml", builder().example()), ("docs/keys.md", builder().to_markdown())] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        if std::env::var_os("QUIPU_WRITE_KEYS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "write {file} anew: QUIPU_WRITE_KEYS=1 cargo test -p quipu --test config all_keys");
    }
}

/// Both are made of what is known of a key; here of one of each sort.
#[test]
fn the_page_has_a_row_for_each_key() {
    let page = builder().to_markdown();
    for row in [
        "| `metrics.enabled` | `METRICS_ENABLED` | true or false |  | `true` | restart | ",
        "| `metrics.system.collection_interval_seconds` | `METRICS_SYSTEM_COLLECTION_INTERVAL_SECONDS` | \
         a number of seconds from 0.2 to 3600 | seconds | `15` | live | ",
        "| `metrics.global_labels.<name>` | `METRICS_GLOBAL_LABELS_<NAME>` | text in quotes |  |  | restart | ",
        "| `metrics.http.sample.<name>` |  | a whole number from 1 to 1000000000 |  |  | restart | ",
        "| `metrics.families.<name>.max_values.<name>` |  | a whole number from 1 to 1000000000 |  |  | restart | ",
        "| `metrics.llm.prices.<name>.prompt` |  | a number from 0 to 1000000 |  | `0.0` | live | ",
        "| `metrics.push_gateway.password` | `METRICS_PUSH_GATEWAY_PASSWORD` | text in quotes |  |  | restart | ",
    ] {
        assert_eq!(page.matches(row).count(), 1, "{row}\n{page}");
    }
    let example = builder().example();
    let of_example = example.lines().filter(|line| line.starts_with("# ") && line.contains("; METRICS_")).count();
    assert_eq!(page.matches(" | `METRICS_").count(), of_example);
}

#[test]
fn the_example_changes_nothing_and_has_every_key() {
    let engine = builder().text("metrics.toml", builder().example()).build().unwrap();
    let defaults = builder().build().unwrap();
    assert_eq!(format!("{:?}", engine.settings()), format!("{:?}", defaults.settings()));
    // What is commented out is good as well.
    let example = builder().example();
    let all: String = example.lines().map(|line| uncommented(line) + "\n").collect();
    let engine = builder().text("metrics.toml", all).build().unwrap_or_else(|error| panic!("{error}"));
    let settings = engine.settings();
    assert_eq!(settings.global_labels["cluster"], "us-east-1");
    assert_eq!(settings.families["tenant_requests_total"].max_values["tenant"], 500);
    assert_eq!(settings.http.sample["/v1/ping"], 100);
    // Each line that has a key was read.
    assert!(settings.push_gateway.password.is_some() && settings.limits.max_lane_bytes.is_some());
}

#[test]
fn the_example_has_what_the_program_sets_but_for_secrets() {
    let prices = BTreeMap::from(["gpt-4o", "a b"].map(|model| (model.to_owned(), Price::new(0.5, 0.0))));
    let llm = LlmConfig { prices, ..LlmConfig::default() };
    let catalog = CatalogConfig { llm, ..CatalogConfig::default() };
    let builder = || {
        builder().with(catalog.clone()).settings(|settings| {
            settings.global_labels.insert("cluster".to_owned(), "a \"b\"".to_owned());
            settings.http.sample.insert("/v1/*".to_owned(), 7);
            settings.grpc.services.insert("a.B".to_owned(), vec!["C".to_owned()]);
            let max_values = BTreeMap::from([("tenant".to_owned(), 3)]);
            let budget = FamilyBudget { max_series: Some(9), max_values, ..FamilyBudget::default() };
            settings.families.insert("tenant_requests_total".to_owned(), budget);
            settings.push_gateway.username = Some("me".to_owned());
            settings.push_gateway.password = Some(SECRET.to_owned());
            settings.push_gateway.headers.insert("Authorization".to_owned(), SECRET.to_owned());
        })
    };
    let example = builder().example();
    assert!(!example.contains(SECRET), "{example}");
    let read = self::builder().text("a.toml", &*example).build().unwrap_or_else(|error| panic!("{error}\n{example}"));
    let (mut wanted, read_catalog) = (builder().build().unwrap().settings(), read.section::<CatalogConfig>().unwrap());
    (wanted.push_gateway.password, wanted.push_gateway.headers) = (None, BTreeMap::new());
    assert_eq!(format!("{:?}", read.settings()), format!("{wanted:?}"));
    assert_eq!(format!("{read_catalog:?}"), format!("{catalog:?}"));
}

/// A line whose comment is a key or a table, without that sign.
fn uncommented(line: &str) -> String {
    let is_code = |text: &&str| {
        text.starts_with('[') || text.split_once(" = ").is_some_and(|(name, _)| !name.contains(' ') && !name.is_empty())
    };
    line.strip_prefix("# ").filter(is_code).unwrap_or(line).to_owned()
}

#[test]
fn an_error_has_all_problems_in_their_order() {
    let text = "[metrics]\nenabled = \"yes\"\n\n[metrics.http]\ntrack_request_sizes = true\n\
        [metrics.system]\ncollection_interval_seconds = 0\n[metric]\na = 1\n";
    let lines = "\
        a.toml:2:11: `metrics.enabled` is \"yes\": write true or false\n\
        a.toml:5:1: unknown key `metrics.http.track_request_sizes`; did you mean `track_request_size`?\n\
        a.toml:7:31: `metrics.system.collection_interval_seconds` is 0: write a number of seconds from 0.2 to 3600\n\
        a.toml:8:2: unknown key `metric`; did you mean `metrics`?";
    let error = refused(text);
    assert_eq!(error.to_string(), lines);
    let problem = &error.problems()[2];
    assert_eq!(problem.key(), Some("metrics.system.collection_interval_seconds"));
    assert!(matches!(problem.place(), Place::Line { path, line: 7, column: 31, .. } if path == "a.toml"));
}

#[test]
fn a_key_that_stands_elsewhere_or_is_far_off_is_told() {
    for (text, wanted) in [
        (
            "metrics.url = \"http://a\"",
            "a.toml:1:9: unknown key `metrics.url`; did you mean `metrics.push_gateway.url`?",
        ),
        (
            "metrics.system.xyz = 1",
            "a.toml:1:16: unknown key `metrics.system.xyz`; write one of `enabled`, `collection_interval_seconds`, \
             `track_memory`, `track_cpu`, `track_disk`",
        ),
        (
            "[metrics.http.sample]\n\"/a\" = 0",
            "a.toml:2:8: `metrics.http.sample.\"/a\"` is 0: write a whole number from 1 to 1000000000",
        ),
    ] {
        assert_eq!(refused(text).to_string(), wanted);
    }
}

#[test]
fn a_value_of_the_wrong_type_or_range_is_told_with_what_to_write() {
    let number = "write a whole number from 1 to 65536";
    for (key, value, wanted) in [
        ("enabled", "1", "write true or false"),
        ("enabled", "{ a = 1 }", "write true or false"),
        ("listen_address", "9090", "write text in quotes"),
        ("listen_address", "\"9090\"", "write HOST:PORT, such as \"0.0.0.0:9090\""),
        ("listen_address", "\"localhost:65536\"", "write HOST:PORT, such as \"0.0.0.0:9090\""),
        ("listen_address", "\"http://a:80\"", "write HOST:PORT, such as \"0.0.0.0:9090\""),
        ("listen_address", "\"::1:80\"", "write HOST:PORT, such as \"0.0.0.0:9090\""),
        (
            "endpoint_path",
            "\"metrics\"",
            "write a path that begins with `/`, without query and spaces, such as \"/metrics\"",
        ),
        ("namespace", "\"my-shop\"", "'-' is not allowed (byte 2); write `my_shop`"),
        ("server.max_connections", "0", number),
        ("server.max_connections", "1.5", number),
        ("server.max_connections", "-1", number),
        ("server.max_connections", "99999999999999999999999999999999999999999999", number),
        ("server.max_connections", "1979-05-27", number),
        ("server.paths", "\"/a\"", "write a list of texts in quotes"),
        ("alerts.high_error_rate_threshold", "nan", "write a number from 0 to 1"),
        ("alerts.high_latency_p95_seconds", "-1", "write a number from 0 on"),
        ("collectors.timeout_seconds", "\"5s\"", "write a number of seconds from 0.1 to 60"),
        ("push_gateway.url", "\"pushgateway\"", "write the URL of the gateway, such as \"http://pushgateway:9091\""),
    ] {
        let found = if value.starts_with('{') { "a table" } else { value };
        let error = refused(&format!("metrics.{key} = {value}")).to_string();
        let first = error.lines().next().unwrap();
        let column = "metrics. = ".len() + key.len() + 1;
        assert_eq!(first, format!("a.toml:1:{column}: `metrics.{key}` is {found}: {wanted}"));
    }
}

#[test]
fn items_and_tables_of_names_are_told_by_name() {
    for (text, wanted) in [
        ("metrics.http.exclude = [\"/a\", 7]", "a.toml:1:31: `metrics.http.exclude[1]` is 7: write text in quotes"),
        (
            "metrics.histograms.a_seconds = [1, \"b\"]",
            "a.toml:1:36: `metrics.histograms.a_seconds[1]` is \"b\": write a number",
        ),
        (
            "metrics.histograms.a_seconds = 1",
            "a.toml:1:32: `metrics.histograms.a_seconds` is 1: write a list of numbers",
        ),
        ("metrics.global_labels.a = 1", "a.toml:1:27: `metrics.global_labels.a` is 1: write text in quotes"),
        ("metrics.histograms = [1]", "a.toml:1:9: `metrics.histograms` is [1]: write a table, [metrics.histograms]"),
        ("metrics.http = 3", "a.toml:1:9: `metrics.http` is 3: write a table, [metrics.http]"),
        (
            "[[metrics.http]]\nenabled = true",
            "a.toml:1:11: `metrics.http` is [[metrics.http]]: write a table, [metrics.http]",
        ),
        ("metrics.families.a = 1", "a.toml:1:18: `metrics.families.a` is 1: write a table, [metrics.families.a]"),
        (
            "[metrics.families.a]\nmax_serie = 1",
            "a.toml:2:1: unknown key `metrics.families.a.max_serie`; did you mean `max_series`?",
        ),
    ] {
        assert_eq!(refused(text).to_string(), wanted, "{text}");
    }
    let error = refused("metrics.histograms.a_seconds = [2, 1]").to_string();
    assert!(error.starts_with("a.toml:1:32: `metrics.histograms.a_seconds` is [2, 1]: "), "{error}");
    let error = refused("metrics.global_labels.\"a b\" = \"c\"").to_string();
    assert!(error.starts_with("a.toml:1:31: `metrics.global_labels.\"a b\"` is \"c\": "), "{error}");
}

#[test]
fn a_secret_is_shown_nowhere() {
    let error = refused("[metrics.push_gateway]\npassword = 12345\nheaders.Authorization = 67890\n").to_string();
    assert_eq!(
        error,
        "a.toml:2:12: `metrics.push_gateway.password` is a value that is not shown: write text in quotes\n\
         a.toml:3:25: `metrics.push_gateway.headers.Authorization` is a value that is not shown: write text in quotes"
    );
    let error = refused("metrics.push_gateway.headers = \"Authorization: 67890\"\n").to_string();
    assert_eq!(
        error,
        "a.toml:1:22: `metrics.push_gateway.headers` is a value that is not shown: write a table, [metrics.push_gateway.headers]"
    );
    let text = format!(
        "[metrics.push_gateway]\nusername = \"me\"\npassword = \"{SECRET}\"\nheaders.Authorization = \"{SECRET}\"\n"
    );
    let sources = Sources::new().text("a.toml", text.clone()).variables([("METRICS_PUSH_GATEWAY_PASSWORD", SECRET)]);
    let mut settings = Settings::default();
    sources.read(&mut settings).unwrap();
    assert_eq!(settings.push_gateway.headers["Authorization"], SECRET);
    // A mistake, which the engine refuses.
    settings.push_gateway.url = format!("http://me:{SECRET}@a");
    let engine = builder().text("a.toml", text);
    let shown = format!("{settings:?} {sources:?} {engine:?} {:?}", settings.push_gateway);
    assert!(!shown.contains(SECRET), "{shown}");
    // What is shown tells that there are some.
    for wanted in ["password: Some(…)", "headers: [\"Authorization\"]", "METRICS_PUSH_GATEWAY_PASSWORD"] {
        assert!(shown.contains(wanted), "{shown}");
    }
}

/// Else it would be found at the start, or never.
#[test]
fn what_the_program_sets_has_to_make_sense_as_well() {
    let program = || {
        builder().settings(|settings| {
            settings.endpoint_path = "metrics".to_owned();
            settings.listen_address = "localhost".to_owned();
            settings.http.exclude = vec![String::new()];
        })
    };
    let lines = [
        "set by the program: `metrics.listen_address` is \"localhost\": write HOST:PORT, such as \"0.0.0.0:9090\"",
        "set by the program: `metrics.endpoint_path` is \"metrics\": write a path that begins with `/`, without query and spaces, such as \"/metrics\"",
        "set by the program: `metrics.http.exclude` is [\"\"]: write a pattern of paths, such as \"/internal/*\"",
    ];
    assert_eq!(program().build().unwrap_err().to_string(), lines.join("\n"));
    let file = "[metrics]\nendpoint_path = \"/m\"\nhttp.exclude = []\n";
    let error = program().text("a.toml", file).build().unwrap_err();
    assert_eq!(error.to_string(), lines[0]);
    let engine = program().text("a.toml", file).variables([("METRICS_LISTEN_ADDRESS", "127.0.0.1:0")]).build();
    assert_eq!(engine.unwrap().settings().endpoint_path, "/m");
    let error = builder()
        .settings(|settings| settings.listen_address.clear())
        .text("a.toml", "[metrics]\nlisten_address = 1\n");
    assert_eq!(error.build().unwrap_err().problems().len(), 1);
}

#[test]
fn what_is_missing_is_told_where_its_table_is() {
    let error = refused("[metrics.push_gateway]\nenabled = true\njob_name = \"a\"\n").to_string();
    assert_eq!(error, "a.toml:1:10: `metrics.push_gateway.url` is empty, and pushing is enabled: write it");
}

/// What only the registration finds.
#[test]
fn a_global_label_that_a_family_of_the_engine_has_is_told_where_it_stands() {
    for (label, family) in [("status", "http_requests_total"), ("alert", "quipu_alert_threshold")] {
        let error = refused(&format!("[metrics]\nglobal_labels.{label} = \"c\"\n"));
        let told = format!(
            "a.toml:2:15: `metrics.global_labels.{label}` is a label of `{family}` already: write another name"
        );
        assert_eq!((error.to_string(), error.problems().len()), (told, 1));
    }
    let error = builder().variables([("METRICS_GLOBAL_LABELS_PATH", "c")]).build().unwrap_err();
    let wanted = "METRICS_GLOBAL_LABELS_PATH: `metrics.global_labels.path` is a label of `http_requests_total` already: write another name";
    assert_eq!(error.to_string(), wanted);
}

/// As a check of the file has it, so that nothing is left for the start to refuse.
#[test]
fn paths_on_which_two_things_stand_are_told() {
    for (text, wanted) in [
        (
            "endpoint_path = \"/\"\nserver.page = true",
            "1: `metrics.endpoint_path` is \"/\", where the page is: write another path, or `server.page = false`",
        ),
        (
            "endpoint_path = \"/a\"\nserver.offenders_path = \"/a\"",
            "1: `metrics.endpoint_path` is \"/a\", as is `server.offenders_path`: write another one",
        ),
        (
            "server.page = true\nserver.paths = [\"/b\", \"/page.js\"]",
            "8: `metrics.server.paths` has \"/page.js\", where the page is: write another path, or `page = false`",
        ),
        (
            "server.page = true\nserver.offenders_path = \"/values\"",
            "8: `metrics.server.offenders_path` has \"/values\", where the page is: write another path, or `page = false`",
        ),
        (
            "server.offenders_path = \"/b\"\nserver.paths = [\"/b\"]",
            "8: `metrics.server.offenders_path` is \"/b\", as is one of `paths`: write another one",
        ),
    ] {
        let error = refused(&format!("[metrics]\n{text}\n")).to_string();
        let (_, told) = error.split_once(':').and_then(|(_, rest)| rest.split_once(':')).unwrap();
        assert_eq!(told, wanted);
    }
    builder().text("a.toml", "metrics.endpoint_path = \"/\"").build().unwrap();
}

#[test]
fn variables_go_before_the_file() {
    let build = |variables: &[(&str, &str)]| {
        let text = "[metrics]\nlisten_address = \"0.0.0.0:9090\"\n[metrics.global_labels]\na = \"1\"\nb = \"2\"\n";
        Engine::builder().text("a.toml", text).variables(variables.iter().copied()).build()
    };
    let engine = build(&[
        ("METRICS_LISTEN_ADDRESS", "127.0.0.1:0"),
        ("METRICS_HTTP_TRACK_REQUEST_SIZE", "false"),
        ("METRICS_HTTP_EXCLUDE", "/health, /ready"),
        ("METRICS_GLOBAL_LABELS_B", "3"),
        ("METRICS_GLOBAL_LABELS_REGION", "eu"),
        ("METRICS_HISTOGRAMS_JOB_DURATION_SECONDS", "1,2.5"),
        ("METRICS_SYSTEM_COLLECTION_INTERVAL_SECONDS", "0.5"),
        ("OTHERS", "are of no interest"),
    ]);
    let engine = engine.unwrap();
    let settings = engine.settings();
    assert_eq!(settings.listen_address, "127.0.0.1:0");
    assert!(!settings.http.track_request_size);
    assert_eq!(settings.http.exclude, ["/health", "/ready"]);
    let labels: Vec<_> = settings.global_labels.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(labels, [("a", "1"), ("b", "3"), ("region", "eu")]);
    assert_eq!(settings.histograms["job_duration_seconds"], [1.0, 2.5]);
    assert_eq!(settings.system.collection_interval.as_millis(), 500);

    let error = build(&[("METRICS_ENABLED", "yes"), ("METRICS_SERVER_MAX_SCRAPES", "-3")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "METRICS_ENABLED: `metrics.enabled` is \"yes\": write true or false\n\
         METRICS_SERVER_MAX_SCRAPES: `metrics.server.max_scrapes` is \"-3\": write a whole number from 1 to 65536"
    );
}

#[test]
fn a_variable_that_names_no_key_is_a_warning() {
    let variables = [("METRICS_HTTP_TRACK_REQUEST_SIZES", "x"), ("METRICS_FOO", "y")];
    let engine = Engine::builder().variables(variables).build().unwrap();
    assert_eq!(
        engine.warnings(),
        [
            "the variable METRICS_FOO names no key",
            "the variable METRICS_HTTP_TRACK_REQUEST_SIZES names no key; did you mean METRICS_HTTP_TRACK_REQUEST_SIZE?"
        ]
    );
}

#[test]
fn a_variable_that_is_but_a_beginning_is_told_what_follows() {
    let engine = Engine::builder().variables([("METRICS_GLOBAL_LABELS", "{ a = 1 }")]).build().unwrap();
    let warning = "the variable METRICS_GLOBAL_LABELS names no key; did you mean METRICS_GLOBAL_LABELS_NAME?";
    assert_eq!(engine.warnings(), [warning]);
}

#[test]
#[cfg(unix)]
fn a_variable_whose_name_is_no_text_is_a_warning() {
    use std::os::unix::ffi::OsStringExt;
    let name = std::ffi::OsString::from_vec(b"METRICS_ENABLED\xff".to_vec());
    let engine = Engine::builder().variables([(name, "false")]).build().unwrap();
    let warning = "the variable METRICS_ENABLED\u{fffd} names no key; did you mean METRICS_ENABLED?";
    assert_eq!(engine.warnings(), [warning]);
}

/// What is missing stands nowhere; what asks for it does.
#[test]
fn a_key_that_variables_alone_make_wrong_is_told_at_one_of_them() {
    let refused = |text: &str, variables: &[(&str, &str)]| {
        let builder = Engine::builder().text("a.toml", text).variables(variables.iter().copied());
        builder.build().unwrap_err().to_string()
    };
    for text in ["", "metrics.enabled = true\n", "metrics.http.exclude = []\n"] {
        let variables = [("METRICS_PUSH_GATEWAY_ENABLED", "true"), ("METRICS_PUSH_GATEWAY_JOB_NAME", "a")];
        let wanted =
            "METRICS_PUSH_GATEWAY_ENABLED: `metrics.push_gateway.url` is empty, and pushing is enabled: write it";
        assert_eq!(refused(text, &variables), wanted, "{text}");
    }
    let text = "metrics.push_gateway.job_name = \"a\"\n";
    let told = refused(text, &[("METRICS_PUSH_GATEWAY_ENABLED", "true")]);
    assert_eq!(told, "a.toml:1:9: `metrics.push_gateway.url` is empty, and pushing is enabled: write it");
}

/// None is near another only because both begin as all do.
#[test]
fn what_a_variable_was_meant_to_be_is_near_it() {
    let engine = Engine::builder().variables([("METRICS_LLM_ENABLED", "false")]).build().unwrap();
    assert_eq!(engine.warnings(), ["the variable METRICS_LLM_ENABLED names no key"]);
}

#[test]
fn a_variable_of_a_table_that_the_file_alone_sets_is_a_warning() {
    let file = "[metrics.families.a_total]\nexpire_after_seconds = 60\n";
    let variables = [("METRICS_FAMILIES_A_TOTAL_MAX_SERIES", "4"), ("METRICS_HTTP_SAMPLE_X", "3")];
    let engine = Engine::builder().text("a.toml", file).variables(variables).build().unwrap();
    let _a = engine.registry().counter("a_total", "A.").labels(["b"]).register().unwrap();
    assert_eq!(engine.settings().families["a_total"].max_series, None);
    assert_eq!(
        engine.warnings(),
        [
            "the variable METRICS_FAMILIES_A_TOTAL_MAX_SERIES sets nothing: only the file sets what is in `metrics.families`",
            "the variable METRICS_HTTP_SAMPLE_X sets nothing: only the file sets what is in `metrics.http.sample`"
        ]
    );
}

/// One rule makes the names of variables, so no two keys may have one, nor a key the beginning of a table of names.
#[test]
fn each_variable_sets_one_key() {
    let example = builder().example();
    let words = example.split([';', '.', ' ']).map(str::trim).filter(|word| word.starts_with("METRICS_"));
    let mut names: Vec<_> = words.collect();
    assert!(names.len() > 60, "{names:?}");
    names.sort();
    for pair in names.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
    for table in names.iter().filter_map(|name| name.strip_suffix("_<NAME>")) {
        let below: Vec<_> = names.iter().filter(|name| name.starts_with(&format!("{table}_"))).collect();
        assert_eq!(below.len(), 1, "{below:?}");
    }
}

#[test]
fn nothing_at_all_is_a_configuration() {
    for text in ["", "\n# nothing\n", "[metrics]", "metrics = {}"] {
        builder().text("a.toml", text).build().unwrap_or_else(|error| panic!("{text}\n{error}"));
    }
}
