//! A service of tonic's, written without generated code, with a method of each kind.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut};
use http::{Request, Response};
use quipu::grpc::GrpcMetrics;
use tokio_stream::{Stream, StreamExt};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status, Streaming};
use tower::{Service, service_fn};

/// Messages are texts.
#[derive(Clone, Copy, Default)]
pub(super) struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Text;
    type Decoder = Text;

    fn encoder(&mut self) -> Text {
        Text
    }

    fn decoder(&mut self) -> Text {
        Text
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// What a message asks for: `fail 5` for a status, `wait` for ever, `panic`; anything else comes back.
async fn obey(message: String) -> Result<String, Status> {
    match message.split_once(' ').unwrap_or((&message, "")) {
        ("fail", code) => Err(Status::new(Code::from_bytes(code.as_bytes()), "as you wish")),
        ("wait", _) => pending().await,
        ("panic", _) => panic!("on purpose"),
        _ => Ok(message),
    }
}

type Texts = Pin<Box<dyn Stream<Item = Result<String, Status>> + Send>>;
type Asked<T> = tonic::Request<T>;
type Answered<T> = Result<tonic::Response<T>, Status>;

/// Each word of the message is one of the answer.
struct Watch;

impl tonic::server::ServerStreamingService<String> for Watch {
    type Response = String;
    type ResponseStream = Texts;
    type Future = std::future::Ready<Answered<Texts>>;

    fn call(&mut self, request: Asked<String>) -> Self::Future {
        let parts: Vec<_> = request.into_inner().split(',').map(str::to_owned).collect();
        let answers: Texts = Box::pin(tokio_stream::iter(parts).then(obey));
        std::future::ready(Ok(tonic::Response::new(answers)))
    }
}

/// Tells how many there were.
struct Import;

impl tonic::server::ClientStreamingService<String> for Import {
    type Response = String;
    type Future = Pin<Box<dyn Future<Output = Answered<String>> + Send>>;

    fn call(&mut self, request: Asked<Streaming<String>>) -> Self::Future {
        Box::pin(async {
            let mut messages = request.into_inner();
            let mut count = 0;
            while let Some(message) = messages.message().await? {
                obey(message).await?;
                count += 1;
            }
            Ok(tonic::Response::new(count.to_string()))
        })
    }
}

/// Answers each.
struct Chat;

impl tonic::server::StreamingService<String> for Chat {
    type Response = String;
    type ResponseStream = Texts;
    type Future = std::future::Ready<Answered<Texts>>;

    fn call(&mut self, request: Asked<Streaming<String>>) -> Self::Future {
        let answers: Texts = Box::pin(request.into_inner().then(async |message| obey(message?).await));
        std::future::ready(Ok(tonic::Response::new(answers)))
    }
}

#[derive(Clone)]
pub(super) struct Incidents;

impl NamedService for Incidents {
    const NAME: &'static str = "test.Incidents";
}

impl Service<Request<tonic::body::Body>> for Incidents {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            let mut server = tonic::server::Grpc::new(Text);
            let get = async |request: Asked<String>| obey(request.into_inner()).await.map(tonic::Response::new);
            Ok(match request.uri().path() {
                "/test.Incidents/Get" => server.unary(service_fn(get), request).await,
                "/test.Incidents/Watch" => server.server_streaming(Watch, request).await,
                "/test.Incidents/Import" => server.client_streaming(Import, request).await,
                "/test.Incidents/Chat" => server.streaming(Chat, request).await,
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

/// Serves on TCP for as long as the test runs.
pub(super) fn serve(metrics: &GrpcMetrics) -> SocketAddr {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    let server = Server::builder().layer(metrics.layer()).add_service(Incidents);
    tokio::spawn(server.serve_with_incoming(incoming));
    address
}
