//! `name[]`: scrapes of some families only.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::reader::{Exposition, Family, read};
use crate::{bytes, decoder};
use proptest::prelude::*;
use quipu::collect::{CollectError, Collector, Declaration, Samples};
use quipu::export::Scrape;

/// A collector of two families that counts its calls.
struct Pool(&'static str, Arc<AtomicUsize>);

impl Collector for Pool {
    fn declare(&self, families: &mut Declaration) {
        families.gauge(format!("{}_size", self.0), "Size.");
        families.gauge(format!("{}_idle", self.0), "Idle.");
    }

    fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        samples.set(&format!("{}_size", self.0), &[], 3.0);
        samples.set(&format!("{}_idle", self.0), &[], 1.0);
        Ok(())
    }
}

/// Families of each kind, in two registries of which both have some, and the calls of the collectors `db` and `cache`.
fn registries() -> ([Registry; 2], [Arc<AtomicUsize>; 2]) {
    let registries = [Registry::new(), Registry::builder().label("region", "eu").build().unwrap()];
    for registry in &registries {
        let jobs = registry.counter("jobs_total", "Jobs.").labels(["queue"]).register().unwrap();
        ["mail", "sms"].into_iter().for_each(|queue| jobs.with([queue]).inc());
        registry.histogram("job_seconds", "Time.").bounds([0.5, 1.0]).register().unwrap().observe(0.7);
        registry.summary("mail_bytes", "Size.").register().unwrap().observe(7.0);
    }
    registries[0].gauge("depth", "Depth.").register().unwrap().set(3.0);
    registries[0].info("build_info", "Build.").labels(["version"]).register().unwrap().with(["1"]).set();
    let calls = ["db", "cache"].map(|name| {
        let calls = Arc::new(AtomicUsize::new(0));
        registries[1].collect(Pool(name, calls.clone())).unwrap();
        calls
    });
    (registries, calls)
}

fn scrape(registries: &[Registry], names: &[&str], format: Format) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let within = Duration::from_secs(30);
    bytes(runtime.block_on(Scrape::collect_only(registries.to_vec(), names.to_vec(), format, within)))
}

fn text(registries: &[Registry], names: &[&str]) -> Exposition {
    let text = String::from_utf8(scrape(registries, names, Format::Text)).unwrap();
    read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn whole(registries: &[Registry]) -> Exposition {
    let text = bytes(Scrape::of(registries.to_vec(), Format::Text));
    read(&String::from_utf8(text).unwrap()).unwrap()
}

/// What stands in it, without values: those about the process change by themselves.
fn content(family: &Family) -> String {
    let samples: Vec<_> = family.samples.iter().map(|sample| (&sample.name, &sample.labels)).collect();
    format!("{} {:?} {:?} {samples:?}", family.name, family.help, family.kind)
}

#[test]
fn any_choice_of_names_is_that_part_of_the_whole() {
    let (registries, _) = registries();
    let all = whole(&registries);
    let others = ["none", "jobs", "job_", ""].map(str::to_owned);
    let names: Vec<String> = all.samples().map(|sample| sample.name.clone()).chain(others).collect();
    proptest!(|(chosen in proptest::sample::subsequence(names.clone(), 0..8))| {
        let chosen: Vec<&str> = chosen.iter().map(|name| &**name).collect();
        let of_sample: BTreeSet<_> = all.samples().filter(|sample| chosen.contains(&&*sample.name)).map(|s| s.line).collect();
        let is_asked = |family: &&Family| {
            // Of a counter, also by the name that it has in OpenMetrics.
            let has_sample = family.samples.iter().any(|sample| of_sample.contains(&sample.line));
            has_sample || family.name == "jobs_total" && chosen.contains(&"jobs")
        };
        let expected: Vec<_> = all.families.iter().filter(is_asked).map(content).collect();
        let found: Vec<_> = text(&registries, &chosen).families.iter().map(content).collect();
        prop_assert_eq!(&found, &expected, "{:?}", chosen);
        let samples = |families: &[decoder::Family]| -> Vec<_> {
            families.iter().flat_map(|(.., samples)| samples).map(|(name, labels, _)| (name.clone(), labels.clone())).collect()
        };
        let protobuf = decoder::families(&scrape(&registries, &chosen, Format::Protobuf));
        let text = String::from_utf8(scrape(&registries, &chosen, Format::Text)).unwrap();
        prop_assert_eq!(samples(&protobuf), samples(&decoder::families_of_text(&text)), "{:?}", chosen);
    });
}

#[test]
fn only_collectors_that_are_asked_are_called() {
    let (registries, calls) = registries();
    let calls = || calls.each_ref().map(|calls| calls.load(Ordering::Relaxed));
    assert_eq!(text(&registries, &["jobs_total", "depth"]).families.len(), 2);
    assert_eq!(calls(), [0, 0]);
    let read = text(&registries, &["db_idle"]);
    assert_eq!((read.families.len(), read.value("db_idle", &[("region", "eu")])), (1, Some(1.0)));
    assert_eq!(calls(), [1, 0]);
    whole(&registries);
    assert_eq!(calls(), [2, 1]);
}

#[test]
fn what_a_registry_says_of_its_families_is_up_to_date() {
    let registry = Registry::new();
    let jobs = registry.counter("jobs_total", "Jobs.").labels(["queue"]).register().unwrap();
    (0..5).for_each(|n| jobs.with([&n.to_string()]).inc());
    let read = text(&[registry], &["quipu_series"]);
    assert_eq!(read.value("quipu_series", &[("family", "jobs_total")]), Some(5.0));
    assert_eq!(read.families.len(), 1);
    let silent = Registry::builder().without_self_metrics().build().unwrap();
    assert!(text(&[silent], &["quipu_series"]).families.is_empty());
}

/// One that is recorded into and one of a collector; all the while, the registry tells how many series they have.
#[test]
fn a_hidden_family_is_in_no_answer_and_holds_up_no_other() {
    let ([_, registry], calls) = registries();
    let one = std::slice::from_ref(&registry);
    let hide = |is_hidden| ["jobs_total", "db_idle"].map(|family| registry.set_hidden(family, is_hidden));
    let count = |family| {
        let described = registry.describe().iter().filter(|described| described.name() == family).count();
        let scrapes = [whole(one), text(one, &[family]), text(one, &[family, "quipu_series"])];
        let in_scrapes = scrapes.iter().filter(|scrape| scrape.family(family).is_some()).count();
        described + in_scrapes + usize::from(registry.snapshot().family(family).is_some())
    };
    let series = || text(one, &["quipu_series"]).value("quipu_series", &[("region", "eu"), ("family", "jobs_total")]);
    assert_eq!(["jobs_total", "db_idle"].map(count), [5, 5]);
    assert_eq!(series(), Some(2.0));
    hide(true);
    assert_eq!(["jobs_total", "db_idle", "db_size"].map(count), [0, 0, 5]);
    registry.counter("jobs_total", "Jobs.").labels(["queue"]).register().unwrap().with(["fax"]).inc();
    assert_eq!(series(), Some(3.0));
    let before = calls[0].load(Ordering::Relaxed);
    assert!(text(one, &["db_idle"]).families.is_empty());
    assert_eq!(calls[0].load(Ordering::Relaxed), before);
    hide(false);
    assert_eq!(["jobs_total", "db_idle"].map(count), [5, 5]);
}

#[test]
fn families_are_made_by_hooks_also_for_a_part() {
    let registry = Registry::new();
    let late = registry.clone();
    let _hook = registry.before_scrape(move || late.gauge("late", "Late.").register().unwrap().set(1.0));
    assert_eq!(text(&[registry], &["late"]).value("late", &[]), Some(1.0));
}

#[test]
fn the_endpoint_answers_with_what_is_asked() {
    for (name, address, registry) in both() {
        let depth = registry.histogram("depth", "Depth.").bounds([1.0]).register().unwrap();
        depth.observe(0.5);
        let ask = |query: &str| ask(address, "GET", &format!("/metrics?{query}"));
        let jobs = "# HELP jobs_total Jobs finished.\n# TYPE jobs_total counter\njobs_total 17\n";
        for query in ["name[]=jobs_total", "name%5B%5D=jobs%5ftotal&debug=1", "name[]=jobs_total&name[]=no&name[]=jobs"]
        {
            let response = ask(query);
            assert_eq!((response.status, &*response.body), (200, jobs), "{query} {name}");
            assert_eq!(response.header("content-type"), Some(Format::Text.content_type()), "{name}");
        }
        for query in ["name[]=depth_bucket&name[]=jobs_total", "name[]=depth_sum&name[]=jobs"] {
            let read = read(&ask(query).body).unwrap();
            assert_eq!(read.families.len(), 2, "{query} {name}");
            assert_eq!(read.value("depth_bucket", &[("le", "1")]), Some(1.0), "{query} {name}");
        }
        for query in ["name[]=no", "name[]=depth_", "name[]=*", "name[]=JOBS_TOTAL"] {
            let response = ask(query);
            assert_eq!((response.status, &*response.body), (200, ""), "{query} {name}");
        }
        for query in ["name=jobs_total", "", "x=%zz"] {
            assert_eq!(ask(query).body, registry.to_text(), "{query} {name}");
        }
    }
}

#[test]
fn a_query_that_cannot_be_read_is_refused() {
    let many = vec!["name[]=a"; 1_001].join("&");
    for (name, address, _) in both() {
        for (query, message) in [
            ("name[]=%zz", "name[]=%zz: the name is not percent-encoded UTF-8; write it as in name[]=jobs_total\n"),
            (
                "name[]",
                "name[]=: the name is missing; write it as in name[]=jobs_total, or leave name[] out to get all\n",
            ),
            (&many, "1001 times name[]: at most 1000 are answered; ask for fewer, or for all without name[]\n"),
        ] {
            let response = ask(address, "GET", &format!("/metrics?{query}"));
            assert_eq!((response.status, &*response.body), (400, message), "{name}");
            assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"), "{name}");
            assert_eq!(ask(address, "HEAD", &format!("/metrics?{query}")).status, 400, "{name}");
            assert_eq!(ask(address, "POST", &format!("/metrics?{query}")).status, 405, "{name}");
        }
        let many = &many["name[]=a&".len()..];
        assert_eq!(ask(address, "GET", &format!("/metrics?{many}")).status, 200, "{name}");
    }
}
