//! S7 for the gRPC layer: its own bookkeeping allocates nothing.

use quipu::Registry;
use quipu::grpc::GrpcMetrics;
use tower::Layer;

#[path = "../../benches/works/call.rs"]
mod work;
use work::{Hello, call};

fn allocations(work: impl FnOnce()) -> usize {
    super::tally(work).allocations
}

#[test]
fn the_grpc_layer_allocates_nothing_for_a_method_with_a_name() {
    const CALLS: usize = 1_000;
    let of_service = allocations(|| (0..CALLS).for_each(|_| call(&mut Hello)));
    let listed = GrpcMetrics::builder().service("incidents.v1.Incidents", ["Get"]).register(&Registry::new()).unwrap();
    let learned = GrpcMetrics::new(&Registry::new()).unwrap();
    let client = GrpcMetrics::client(&Registry::new()).unwrap();
    for metrics in [listed, learned, client] {
        let mut service = metrics.layer().layer(Hello);
        call(&mut service);
        let layered = allocations(|| (0..CALLS).for_each(|_| call(&mut service)));
        assert_eq!(layered, of_service);
    }
}

#[test]
fn a_call_by_hand_allocates_nothing() {
    let metrics = GrpcMetrics::new(&Registry::new()).unwrap();
    let by_hand = || metrics.start("incidents.v1.Incidents", "Get").finish(quipu::grpc::GrpcStatus::Ok);
    by_hand();
    assert_eq!(allocations(|| (0..1_000).for_each(|_| by_hand())), 0);
}
