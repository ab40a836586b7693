//! The page for people: what it is made of, and what it reads.

use super::*;
use quipu::clock::ManualClock;
use quipu::collect::{CollectError, Collector, Declaration, Samples};
use quipu::guard::CircuitBreaker;
use quipu::push::Gateway;
use serde_json::Value;

const FILES: [(&str, &str); 14] = [
    ("/", include_str!("../../../src/export/page/page.html")),
    ("/icon.svg", include_str!("../../../src/export/page/icon.svg")),
    ("/page.css", include_str!("../../../src/export/page/page.css")),
    ("/page.js", include_str!("../../../src/export/page/page.js")),
    ("/app.js", include_str!("../../../src/export/page/app.js")),
    ("/chart.js", include_str!("../../../src/export/page/chart.js")),
    ("/family.js", include_str!("../../../src/export/page/family.js")),
    ("/format.js", include_str!("../../../src/export/page/format.js")),
    ("/graphs.js", include_str!("../../../src/export/page/graphs.js")),
    ("/history.js", include_str!("../../../src/export/page/history.js")),
    ("/limits.js", include_str!("../../../src/export/page/limits.js")),
    ("/list.js", include_str!("../../../src/export/page/list.js")),
    ("/promql.js", include_str!("../../../src/export/page/promql.js")),
    ("/tables.js", include_str!("../../../src/export/page/tables.js")),
];

fn start_page(registry: &Registry) -> ServerHandle {
    Server::builder(registry.clone()).page().serve("127.0.0.1:0").unwrap()
}

fn summary(address: SocketAddr) -> Value {
    let response = ask(address, "GET", "/summary.json");
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    serde_json::from_str(&response.body).unwrap_or_else(|error| panic!("{error}\n{}", response.body))
}

/// What the summary says of a family.
fn family<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let families = summary["families"].as_array().unwrap();
    families.iter().find(|family| family["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn the_page_is_served_where_it_is_switched_on() {
    let registry = small();
    let (with, without) = (start_page(&registry), start(registry.clone()));
    for (path, content) in FILES {
        let response = ask(with.local_addr(), "GET", path);
        assert_eq!((response.status, &*response.body), (200, content), "{path}");
        let policy = response.header("content-security-policy").expect(path);
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        for (name, value) in
            [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("cache-control", "no-cache")]
        {
            assert_eq!(response.header(name), Some(value), "{path}");
        }
        assert_eq!(ask(with.local_addr(), "HEAD", path).header("content-type"), response.header("content-type"));
        assert_eq!(ask(without.local_addr(), "GET", path).status, 404, "{path}");
    }
    for path in ["/", "/page.js", "/summary.json", "/values?name[]=a"] {
        let response = ask(with.local_addr(), "POST", path);
        assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD")), "{path}");
        assert_eq!(ask(without.local_addr(), "GET", path).status, 404, "{path}");
        assert_eq!(ask(with.local_addr(), "HEAD", path).status, 200, "{path}");
    }
    assert_eq!(ask(with.local_addr(), "GET", "/metrics").body, registry.to_text());
    assert_eq!(ask(with.local_addr(), "GET", "/none.js").status, 404);
}

#[test]
fn the_page_loads_what_is_served_and_nothing_from_elsewhere() {
    let (mut loaded, mut size) = (vec!["/".to_owned()], 0);
    for (path, content) in FILES {
        size += content.len();
        for before in ["src=\"", "href=\"", "from \"./"] {
            let names = content.split(before).skip(1).filter_map(|rest| rest.split('"').next());
            loaded.extend(names.filter(|name| !name.starts_with('?')).map(|name| format!("/{name}")));
        }
        // What would make markup or code of a text, or be stopped by the policy.
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "style=",
            "onclick=",
        ] {
            assert!(!content.contains(word), "{word} in {path}");
        }
        let urls = content.split("://").count() - 1;
        assert_eq!(
            urls,
            content.matches("xmlns=\"http://www.w3.org").count() + content.matches("NS(\"http://www.w3.org").count(),
            "{path}"
        );
    }
    let served: std::collections::BTreeSet<_> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(loaded.into_iter().collect::<std::collections::BTreeSet<_>>(), served);
    assert!(size < 100 * 1024, "{size} bytes");
}

#[test]
fn the_paths_of_the_page_are_taken() {
    for path in ["/", "/summary.json", "/values", "/page.css"] {
        for builder in [Server::builder(small()).path(path), Server::builder(small()).offenders_path(path)] {
            let error = builder.page().serve("127.0.0.1:0").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let message = format!(
                "cannot serve metrics at the path {path:?}: the page is there; write another one, such as \"/metrics\""
            );
            assert_eq!(error.to_string(), message);
        }
    }
}

#[test]
fn values_are_those_of_a_scrape() {
    let registry = small();
    registry.gauge("depth", "Depth.").register().unwrap().set(2.0);
    let server = start_page(&registry);
    let response = ask(server.local_addr(), "GET", "/values?name[]=depth");
    assert_eq!(response.body, ask(server.local_addr(), "GET", "/metrics?name[]=depth").body);
    assert!(response.body.ends_with("\ndepth 2\n"), "{}", response.body);
    assert_eq!(response.header("cache-control"), Some("no-cache"));
    let time: f64 = response.header("quipu-time").unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - 60.0..=now + 1.0).contains(&time), "{time} {now}");
    for query in ["", "?", "?name=depth", "?name[]="] {
        let response = ask(server.local_addr(), "GET", &format!("/values{query}"));
        assert_eq!((response.status, response.header("x-content-type-options")), (400, Some("nosniff")), "{query}");
    }
}

/// A page that is left open must not make series expire before a scraper has read their last value.
#[test]
fn a_look_is_no_export() {
    // Where nobody else looks anything up, a series goes at once.
    crate::alone::alone("export::page::a_look_is_no_export", || {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(&clock).build().unwrap();
        let hour = Duration::from_secs(3_600);
        let jobs = registry.counter("jobs_total", "Jobs.").labels(["id"]).expire_after(hour).register().unwrap();
        jobs.with(["1"]).inc();
        let server = start_page(&registry);
        let ask = |path| ask(server.local_addr(), "GET", path).body;
        for _ in 0..4 {
            clock.advance(2 * hour);
            assert!(ask("/values?name[]=jobs_total").contains("jobs_total{id=\"1\"} 1\n"));
        }
        assert_eq!(jobs.len(), 1);
        for _ in 0..4 {
            clock.advance(2 * hour);
            ask("/metrics?name[]=jobs_total");
        }
        assert_eq!(ask("/values?name[]=jobs_total"), "");
    });
}

const HOSTILE: &str = "</script><b>\"\\\n\u{1}\u{2028}é😀";

struct Failing;

impl Collector for Failing {
    fn declare(&self, families: &mut Declaration) {
        families.gauge("pool_size", "Size.");
    }

    fn collect(&mut self, _: &mut Samples) -> Result<(), CollectError> {
        Err(format!("no pool: {HOSTILE}{}", "x".repeat(1_000)).into())
    }
}

#[test]
fn the_summary_says_how_the_registry_stands() {
    let registry = Registry::builder().max_series(1_000).build().unwrap();
    let logins = registry.counter("logins_total", HOSTILE).labels(["tenant", "ok"]).max_values("tenant", 2);
    let logins = logins.register().unwrap();
    for tenant in ["a", "b", HOSTILE, HOSTILE] {
        logins.with([tenant, "yes"]).inc();
    }
    registry.histogram("size_bytes", "Size.").unit("bytes").bounds([1.0, 2.5]).register().unwrap();
    registry.summary("wait_seconds", "Wait.").quantiles([0.5, 0.9]).register().unwrap().observe(1.0);
    registry.collect(Failing).unwrap();
    registry.gauge("answer", "Answer.").collect(|| 42.0).unwrap();
    let breaker = CircuitBreaker::builder("api").min_calls(1).register(&registry.with_prefix("llm").unwrap()).unwrap();
    let _ = breaker.call_blocking(|| Err::<(), _>("down"));
    let server = start_page(&registry);
    let before = summary(server.local_addr());
    let collector = |summary: &Value, name: &str| {
        let collectors = summary["collectors"].as_array().unwrap();
        collectors.iter().find(|collector| collector["name"] == name).unwrap().clone()
    };
    assert_eq!(
        collector(&before, "pool_size"),
        serde_json::json!({"name": "pool_size", "up": null, "seconds": null, "error": null})
    );
    ask(server.local_addr(), "GET", "/metrics");
    let summary = summary(server.local_addr());

    let logins = family(&summary, "logins_total");
    assert_eq!((&logins["kind"], &logins["help"]), (&"counter".into(), &HOSTILE.into()));
    assert_eq!((&logins["series"], &logins["samples"], &logins["own"]), (&3.into(), &3.into(), &false.into()));
    assert!(logins["bytes"].as_u64().is_some_and(|bytes| bytes > 100), "{logins}");
    let [tenant, ok] = &logins["labels"].as_array().unwrap()[..] else { panic!("{logins}") };
    let expected = serde_json::json!({"name": "tenant", "values": null, "count": 2, "max_values": 2, "overflowed": 2});
    assert_eq!(*tenant, expected);
    assert_eq!((&ok["name"], &ok["overflowed"], &ok["count"]), (&"ok".into(), &0.into(), &Value::Null));
    let size = family(&summary, "size_bytes");
    assert_eq!(
        (&size["bounds"], &size["samples"], &size["unit"]),
        (&serde_json::json!([1, 2.5]), &5.into(), &"bytes".into())
    );
    let wait = family(&summary, "wait_seconds");
    assert_eq!((&wait["quantiles"], &wait["samples"]), (&serde_json::json!([0.5, 0.9]), &4.into()));
    let answer = family(&summary, "answer");
    assert_eq!(
        (&answer["collector"], &answer["series"], &answer["bytes"]),
        (&"answer".into(), &1.into(), &Value::Null)
    );
    assert_eq!(family(&summary, "quipu_series")["own"], true);

    let [offender] = &summary["offenders"].as_array().unwrap()[..] else { panic!("{summary}") };
    assert_eq!(
        (&offender["family"], &offender["label"], &offender["samples"]),
        (&"logins_total".into(), &"tenant".into(), &2.into())
    );
    assert_eq!(offender["top"][0]["value"], HOSTILE);
    assert_eq!(
        summary["breakers"],
        serde_json::json!([{"name": "llm_api", "state": "open", "opened": 1, "rejections": 0}])
    );
    let failing = collector(&summary, "pool_size");
    let message = failing["error"]["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("no pool: {HOSTILE}x")) && message.len() <= 500, "{message}");
    assert_eq!((&failing["up"], &failing["error"]["reason"]), (&false.into(), &"error".into()));
    let good = collector(&summary, "answer");
    assert!(good["up"] == true && good["error"].is_null() && good["seconds"].is_number(), "{good}");
    assert_eq!(summary["registries"][0]["max_series"], 1_000);
    assert!(summary["lanes"]["max_bytes"].as_u64().unwrap() > 0 && summary["time"].as_f64().unwrap() > 1e9);
}

#[test]
fn the_summary_says_how_pushes_go() {
    let registry = Registry::new();
    let gateway = |url: &str, job| Gateway::builder(registry.clone(), url, job).grouping("instance", "a b").build();
    let server = start_page(&registry);
    assert_eq!(summary(server.local_addr())["pushes"], serde_json::json!([]));
    // It answers 404 to a push.
    let refusing = gateway(&format!("http://{}", server.local_addr()), "backup").unwrap();
    let idle = gateway("http://127.0.0.1:1", "idle").unwrap();
    refusing.push_blocking().unwrap_err();
    let targets = summary(server.local_addr())["pushes"].clone();
    let [refused, not_pushed] = &targets.as_array().unwrap()[..] else { panic!("{targets}") };
    let url = format!("http://{}/metrics/job/backup/instance/a%20b", server.local_addr());
    assert_eq!((&refused["url"], &refused["up"], &refused["success"]), (&url.into(), &false.into(), &Value::Null));
    let error = &refused["error"];
    assert!(error["reason"] == "status" && error["message"].as_str().unwrap().contains("answered 404"), "{error}");
    assert!(error["time"].as_f64().unwrap() > 1e9);
    assert_eq!(
        *not_pushed,
        serde_json::json!({"url": "http://127.0.0.1:1/metrics/job/idle/instance/a%20b", "up": null, "success": null, "error": null})
    );
    // Those of gateways that are gone are forgotten.
    drop(idle);
    drop(refusing);
    // What has pushed lets go of the gateway a moment after it has answered.
    let begun = Instant::now();
    while summary(server.local_addr())["pushes"] != serde_json::json!([]) {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn families_of_several_registries_are_one() {
    let registries = [Registry::new(), Registry::new()];
    for (registry, queues) in registries.iter().zip([&["mail", "sms"][..], &["print"]]) {
        let jobs = registry.counter("jobs_total", "Jobs.").labels(["queue"]).register().unwrap();
        queues.iter().for_each(|queue| jobs.with([*queue]).inc());
    }
    let [first, second] = registries;
    let again = first.clone();
    let server = Server::builder(first).registry(second).registry(again).page().serve("127.0.0.1:0").unwrap();
    let summary = summary(server.local_addr());
    assert_eq!(family(&summary, "jobs_total")["series"], 3);
    assert_eq!(summary["registries"].as_array().unwrap().len(), 2);
    let names: Vec<_> =
        summary["families"].as_array().unwrap().iter().map(|family| family["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
}

#[test]
fn a_large_summary_comes_in_pieces() {
    let registry = Registry::builder().without_self_metrics().build().unwrap();
    for n in 0..2_000 {
        registry
            .gauge(format!("g_{n:04}"), "Some help that is as long as such texts are.")
            .register()
            .unwrap()
            .set(1.0);
    }
    let server = start_page(&registry);
    let response = ask(server.local_addr(), "GET", "/summary.json");
    assert!(response.header("transfer-encoding").is_some() && response.body.len() > 200_000);
    assert_eq!(summary(server.local_addr())["families"].as_array().unwrap().len(), 2_000);
}

#[test]
fn a_summary_with_much_beside_the_families_is_one() {
    let registry = Registry::new();
    let job = |n: usize| format!("{n}{}", "a".repeat(1_000));
    let gateways: Vec<_> =
        (0..100).map(|n| Gateway::builder(registry.clone(), "http://127.0.0.1:1", job(n)).build().unwrap()).collect();
    let server = start_page(&registry);
    let summary = summary(server.local_addr());
    assert_eq!(summary["pushes"].as_array().unwrap().len(), gateways.len());
    assert_eq!(family(&summary, "quipu_series")["own"], true);
}

/// The page knows by name what an engine's thresholds are for.
#[test]
fn thresholds_are_drawn_where_their_alerts_look() {
    let engine = quipu::Engine::builder().without_environment().build().unwrap();
    quipu_catalog::Catalog::register(engine.registry(), quipu_catalog::llm::Prices::none()).unwrap();
    let families = engine.registry().describe();
    let family = |name: &str| families.iter().find(|family| family.name() == name).unwrap_or_else(|| panic!("{name}"));
    let alerts = quipu::engine::Alerts::default().each().map(|(name, _)| name);
    let text = include_str!("../../../src/export/page/limits.js");
    let limits: Vec<_> = text.lines().filter_map(|line| line.split_once(": { of: ")).collect();
    for (alert, about) in &limits {
        assert!(alerts.contains(&alert.trim()), "{alert}");
        let words: Vec<_> = about.split('"').skip(1).step_by(2).collect();
        let labels: Vec<_> = family(words[0]).labels().map(|label| (label.name(), label.values())).collect();
        let [label, value] = words[1..] else { continue };
        let (_, values) = labels.iter().find(|(name, _)| *name == label).expect(label);
        assert!(values.is_none_or(|values| values.contains(&value)), "{value} of {values:?}");
    }
    assert_eq!(limits.len(), 4);
    let thresholds = text.split_once("THRESHOLDS = \"").unwrap().1.split('"').next().unwrap();
    assert_eq!(family(thresholds).labels().next().unwrap().name(), "alert");
}
