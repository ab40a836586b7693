//! tonic's own server and client, over TCP.

use super::service::{Text, serve};
use super::*;
use http::uri::PathAndQuery;
use quipu::grpc::{GrpcStatus, ResponseBody};
use std::error::Error;
use tokio_stream::StreamExt;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tower::ServiceBuilder;

const ALL: [&str; 4] = ["Get", "Watch", "Import", "Chat"];

fn server() -> (Registry, GrpcMetrics) {
    let registry = Registry::new();
    let metrics = GrpcMetrics::builder().service("test.Incidents", ALL).register(&registry).unwrap();
    (registry, metrics)
}

fn channel(metrics: &GrpcMetrics) -> Channel {
    Endpoint::from_shared(format!("http://{}", serve(metrics))).unwrap().connect_lazy()
}

/// A channel that records, as the documentation of the module makes it.
fn measured(
    registry: &Registry,
    channel: Channel,
) -> impl Service<
    Request<tonic::body::Body>,
    Response = Response<ResponseBody<tonic::body::Body>>,
    Error = tonic::transport::Error,
    Future: Send,
> {
    ServiceBuilder::new()
        .layer(GrpcMetrics::client(registry).unwrap().layer())
        .map_request(|request: Request<RequestBody<tonic::body::Body>>| request.map(tonic::body::Body::new))
        .service(channel)
}

/// What a call answers: its messages, and the error that it ends in.
type Answer = (Vec<String>, Option<Status>);

async fn collect(answer: Result<tonic::Response<tonic::Streaming<String>>, Status>) -> Answer {
    let mut answer = match answer {
        Ok(answer) => answer.into_inner(),
        Err(status) => return (Vec::new(), Some(status)),
    };
    let mut messages = Vec::new();
    loop {
        match answer.message().await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(status) => return (messages, Some(status)),
        }
    }
}

/// Calls a method of any kind, which are all streams to the protocol.
async fn call<T>(client: &mut Grpc<T>, method: &'static str, messages: &[&str]) -> Answer
where
    T: tonic::client::GrpcService<tonic::body::Body>,
    T::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <T::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    client.ready().await.map_err(Into::into).unwrap();
    let messages: Vec<_> = messages.iter().map(|&message| message.to_owned()).collect();
    let path = PathAndQuery::from_static(method);
    let stream = tonic::Request::new(tokio_stream::iter(messages));
    collect(client.streaming(stream, path, Text).await).await
}

#[tokio::test]
async fn calls_of_all_kinds_are_recorded_by_server_and_client_alike() {
    let (registry, metrics) = server();
    let of_client = Registry::new();
    let mut client = Grpc::new(measured(&of_client, channel(&metrics)));

    client.ready().await.unwrap();
    let get = tonic::Request::new("hello".to_owned());
    let answer = client.unary::<String, String, _>(get, PathAndQuery::from_static(GET), Text).await;
    assert_eq!(answer.unwrap().into_inner(), "hello");
    assert_eq!(call(&mut client, "/test.Incidents/Watch", &["a,b,c"]).await.0, ["a", "b", "c"]);
    assert_eq!(call(&mut client, "/test.Incidents/Import", &["a", "b"]).await.0, ["2"]);
    assert_eq!(call(&mut client, "/test.Incidents/Chat", &["a", "", "c"]).await.0, ["a", "", "c"]);

    let each = |value| ALL.map(|method| (format!("test.Incidents {method}"), value));
    for (registry, prefix, received, sent) in [
        (&registry, "grpc", "messages_received_total", "messages_sent_total"),
        (&of_client, "grpc_client", "messages_sent_total", "messages_received_total"),
    ] {
        let counted = |family: &str| counted(registry, &format!("{prefix}_{family}"));
        let expected = each(1.0).map(|(labels, value)| (labels + " OK", value));
        let mut expected = Vec::from(expected);
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(counted("requests_total"), expected);
        let of = |counted: Vec<(String, f64)>, method| {
            let label = format!("test.Incidents {method}");
            counted.into_iter().find(|(labels, _)| *labels == label).map(|(_, value)| value)
        };
        assert_eq!(ALL.map(|method| of(counted(received), method)), [1.0, 1.0, 2.0, 3.0].map(Some));
        assert_eq!(ALL.map(|method| of(counted(sent), method)), [1.0, 3.0, 1.0, 3.0].map(Some));
        assert_eq!(sum(registry, &format!("{prefix}_request_duration_seconds_count")), 4.0);
        assert_eq!(counted("streams_active"), []);
    }
}

#[tokio::test]
async fn errors_have_their_status_at_once_and_in_the_trailers() {
    let (registry, metrics) = server();
    let mut client = Grpc::new(channel(&metrics));
    let (_, status) = call(&mut client, GET, &["fail 5"]).await;
    assert_eq!(status.unwrap().code(), Code::NotFound);
    let (messages, status) = call(&mut client, "/test.Incidents/Watch", &["a,b,fail 15"]).await;
    assert_eq!((messages.len(), status.unwrap().code()), (2, Code::DataLoss));
    let (_, status) = call(&mut client, "/test.Incidents/Import", &["a", "fail 8"]).await;
    assert_eq!(status.unwrap().code(), Code::ResourceExhausted);
    let (_, status) = call(&mut client, "/test.Incidents/Nothing", &["a"]).await;
    assert_eq!(status.unwrap().code(), Code::Unimplemented);
    assert_calls(
        &registry,
        &[
            ("other other Unimplemented", 1.0),
            ("test.Incidents Get NotFound", 1.0),
            ("test.Incidents Import ResourceExhausted", 1.0),
            ("test.Incidents Watch DataLoss", 1.0),
        ],
    );
    assert_eq!(sum(&registry, "grpc_streams_active"), 0.0);
}

#[tokio::test]
async fn a_call_that_the_client_gives_up_is_canceled() {
    let (registry, metrics) = server();
    let mut client = Grpc::new(channel(&metrics));
    for (method, messages) in [(GET, "wait"), ("/test.Incidents/Watch", "a,wait")] {
        let messages = [messages];
        let call = call(&mut client, method, &messages);
        let active = eventually("it is active", || sum(&registry, "grpc_streams_active") == 1.0);
        tokio::select! { _ = call => panic!("it waits"), () = active => {} }
        eventually("the server notices", || sum(&registry, "grpc_streams_active") == 0.0).await;
    }
    assert_calls(&registry, &[("test.Incidents Get Canceled", 1.0), ("test.Incidents Watch Canceled", 1.0)]);
}

#[tokio::test]
async fn a_call_whose_time_is_over_has_exceeded_its_deadline() {
    let (registry, metrics) = server();
    let of_client = Registry::new();
    let mut client = Grpc::new(measured(&of_client, channel(&metrics)));
    // Connecting takes of the client's time, but not of the server's.
    call(&mut client, GET, &["hello"]).await;
    client.ready().await.unwrap();
    let mut request = tonic::Request::new("wait".to_owned());
    request.set_timeout(Duration::from_secs(1));
    let answer = client.unary::<String, String, _>(request, PathAndQuery::from_static(GET), Text).await;
    answer.unwrap_err();
    eventually("the server notices", || sum(&registry, "grpc_streams_active") == 0.0).await;
    assert_calls(&registry, &[("test.Incidents Get DeadlineExceeded", 1.0), ("test.Incidents Get OK", 1.0)]);
    let of_client = counted(&of_client, "grpc_client_requests_total");
    assert!(of_client.contains(&("test.Incidents Get DeadlineExceeded".to_owned(), 1.0)), "{of_client:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let registry = Registry::new();
    let channel = measured(&registry, Endpoint::from_static("http://127.0.0.1:1").connect_lazy());
    let (_, status) = call(&mut Grpc::new(channel), GET, &["hello"]).await;
    assert_eq!(status.unwrap().code(), Code::Unavailable);
    assert_eq!(counted(&registry, "grpc_client_requests_total"), [("test.Incidents Get Unavailable".into(), 1.0)]);
}

/// As the documentation of `error_status` makes it.
#[tokio::test]
async fn a_limit_of_the_endpoint_is_a_deadline_where_errors_are_told_apart() {
    fn status(status: &Status) -> GrpcStatus {
        let mut causes = std::iter::successors(status.source(), |&error| error.source());
        match causes.any(|error| error.is::<tonic::TimeoutExpired>()) {
            true => GrpcStatus::DeadlineExceeded,
            false => GrpcStatus::from_code(status.code().into()),
        }
    }
    let (_, metrics) = server();
    let address = serve(&metrics).to_string();
    let registry = Registry::new();
    let of_client = GrpcMetrics::builder().client().error_status(status).register(&registry).unwrap();
    for (address, method, expected) in [
        (&*address, GET, (Code::Cancelled, "test.Incidents Get DeadlineExceeded")),
        ("127.0.0.1:1", "/test.Incidents/Watch", (Code::Unavailable, "test.Incidents Watch Unavailable")),
    ] {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap().timeout(Duration::from_secs(1));
        let channel = ServiceBuilder::new()
            .layer(of_client.layer())
            .map_request(|request: Request<RequestBody<tonic::body::Body>>| request.map(tonic::body::Body::new))
            .map_err(|error: tonic::transport::Error| Status::from_error(error.into()))
            .service(endpoint.connect_lazy());
        let (_, status) = call(&mut Grpc::new(channel), method, &["wait"]).await;
        assert_eq!(status.unwrap().code(), expected.0);
        assert!(counted(&registry, "grpc_client_requests_total").contains(&(expected.1.to_owned(), 1.0)));
    }
    assert_eq!(sum(&registry, "grpc_client_requests_total"), 2.0);
}

#[tokio::test]
async fn a_panic_is_unknown() {
    let (registry, metrics) = server();
    let mut client = Grpc::new(channel(&metrics));
    for method in [GET, "/test.Incidents/Watch"] {
        let (_, status) = call(&mut client, method, &["panic"]).await;
        status.unwrap();
    }
    assert_calls(&registry, &[("test.Incidents Get Unknown", 1.0), ("test.Incidents Watch Unknown", 1.0)]);
    assert_eq!(sum(&registry, "grpc_streams_active"), 0.0);
}

#[tokio::test]
async fn messages_count_while_a_stream_goes_on() {
    let (registry, metrics) = server();
    let mut client = Grpc::new(channel(&metrics));
    client.ready().await.unwrap();
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let endless = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let path = PathAndQuery::from_static("/test.Incidents/Chat");
    let answer = client.streaming::<_, String, String, _>(tonic::Request::new(endless), path, Text);
    sender.send("0".to_owned()).await.unwrap();
    let mut answer = answer.await.unwrap().into_inner();
    for n in 1..4 {
        answer.message().await.unwrap().unwrap();
        assert_eq!(messages(&registry), [f64::from(n); 2]);
        assert_eq!(sum(&registry, "grpc_streams_active"), 1.0);
        sender.send(n.to_string()).await.unwrap();
    }
    assert_calls(&registry, &[]);
    drop(sender);
    while answer.next().await.is_some() {}
    assert_calls(&registry, &[("test.Incidents Chat OK", 1.0)]);
}

#[tokio::test]
async fn a_server_that_goes_away_amid_a_stream_is_unavailable_to_its_client() {
    let (_, metrics) = server();
    let registry = Registry::new();
    let address = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let address = runtime.block_on(async { serve(&metrics) });
        (runtime, address)
    });
    let (runtime, address) = address.join().unwrap();
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let channel = measured(&registry, channel);
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let request = tonic::Request::new(tokio_stream::once("a,wait".to_owned()));
    let path = PathAndQuery::from_static("/test.Incidents/Watch");
    let mut answer = client.streaming::<_, String, String, _>(request, path, Text).await.unwrap().into_inner();
    assert_eq!(answer.message().await.unwrap().as_deref(), Some("a"));
    runtime.shutdown_background();
    answer.message().await.unwrap_err();
    assert_eq!(counted(&registry, "grpc_client_requests_total"), [("test.Incidents Watch Unavailable".into(), 1.0)]);
}
