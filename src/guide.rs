//! Guides: from what you want to do to the code that does it. Each page is a module, and its code is compiled.
//!
//! | you want to | page |
//! |---|---|
//! | see your first metric in Prometheus | [`start`] |
//! | choose between counter, gauge and histogram | [`kinds`] |
//! | choose labels, and keep their values few | [`labels`] |
//! | choose the bounds of a histogram | [`bounds`] |
//! | measure a web service | [`middleware`] |
//! | measure a gRPC server or client | [`grpc`] |
//! | measure functions and blocks by an attribute, register a struct | [`macros`] |
//! | show what something else keeps | [`collectors`] |
//! | configure all of it by one file | [`configuration`] |
//! | see it in Grafana, and be told when something is wrong | [`dashboards`] |
//! | look at a service without Prometheus | [`page`] |
//! | push what a batch job has recorded | [`push`] |
//! | test what is recorded | [`testing`] |
//! | know what is good practice | [`practices`] |
//! | run it: containers, Prometheus, alerts | [`deployment`] |
//! | know how much memory, time and disk that takes | [`sizing`] |
//! | run two of everything, or go beyond one machine | [`high_availability`] |
//! | find out why something is not as you expect | [`troubleshooting`] |
//! | track jobs, calls of LLMs, incidents, storage | `quipu_catalog::guide`, of the crate `quipu-catalog` |
//! | move from another crate | [`from_prometheus`], [`from_prometheus_client`], [`from_metrics`], [`from_axum_prometheus`] |

macro_rules! pages {
    ($($page:ident)*) => {$(
        #[doc = include_str!(concat!("../docs/guide/", stringify!($page), ".md"))]
        pub mod $page {}
    )*};
}

pages! {
    start
    kinds
    labels
    bounds
    middleware
    grpc
    macros
    collectors
    configuration
    dashboards
    page
    push
    testing
    practices
    deployment
    sizing
    high_availability
    troubleshooting
    from_prometheus
    from_prometheus_client
    from_metrics
    from_axum_prometheus
}
