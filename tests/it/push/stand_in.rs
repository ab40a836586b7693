//! A gateway made of a TCP socket, which answers as a test says.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// A request as it came, with its body put together again.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|header| header.0 == name).map(|header| &*header.1);
        let value = values.next();
        assert_eq!(values.next(), None, "{name} came twice");
        value
    }
}

/// One connection of a client.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    heard: Arc<Mutex<Vec<Request>>>,
}

impl Client {
    /// Reads the next request, up to its body.
    pub(crate) fn read_head(&mut self) -> io::Result<Request> {
        let line = self.read_line()?;
        let mut words = line.split(' ');
        let [Some(method), Some(path), Some("HTTP/1.1"), None] = [(); 4].map(|()| words.next()) else {
            return Err(io::Error::other(format!("no request: {line:?}")));
        };
        let mut request =
            Request { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: String::new() };
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                return Ok(request);
            }
            let (name, value) = line.split_once(": ").ok_or_else(|| io::Error::other("no header"))?;
            request.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }

    /// Reads the next request as a whole, and keeps it.
    pub(crate) fn read(&mut self) -> io::Result<Request> {
        let mut request = self.read_head()?;
        let mut body = Vec::new();
        if request.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = self.read_line()?;
                let len = usize::from_str_radix(&line, 16).map_err(io::Error::other)?;
                let end = body.len() + len;
                body.resize(end, 0);
                self.stream.read_exact(&mut body[end - len..])?;
                assert_eq!(self.read_line()?, "");
                if len == 0 {
                    break;
                }
            }
        } else if let Some(len) = request.header("content-length") {
            body.resize(len.parse().map_err(io::Error::other)?, 0);
            self.stream.read_exact(&mut body)?;
        }
        request.body = String::from_utf8(body).map_err(io::Error::other)?;
        self.heard.lock().unwrap().push(request.clone());
        Ok(request)
    }

    pub(crate) fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches("\r\n").to_owned())
    }

    /// What the client has sent until it closes the connection.
    pub(crate) fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }

    pub(crate) fn write(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(text.as_bytes())
    }

    pub(crate) fn answer(&mut self, status: u16, text: &str) -> io::Result<()> {
        self.write(&format!("HTTP/1.1 {status} As a test\r\nContent-Length: {}\r\n\r\n{text}", text.len()))
    }
}

/// A gateway that listens until the end of the process.
pub(crate) struct StandIn {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Request>>>,
    ends: Mutex<mpsc::Receiver<io::Result<()>>>,
}

impl StandIn {
    /// One that has this done with each connection, which closes it; `n` is its number. A failure ends that connection only.
    pub(crate) fn new(serve: impl Fn(usize, &mut Client) -> io::Result<()> + Send + Sync + 'static) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // What is not read is soon not taken either: the system's buffers may grow to 32 MiB.
        socket2::SockRef::from(&listener).set_recv_buffer_size(64 * 1024).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<Vec<_>>>::default();
        let (sender, ends) = mpsc::channel();
        let (kept, serve) = (heard.clone(), Arc::new(serve));
        thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let mut client = Client { stream: BufReader::new(stream.unwrap()), heard: kept.clone() };
                let (serve, sender) = (serve.clone(), sender.clone());
                thread::spawn(move || sender.send(serve(n, &mut client)));
            }
        });
        StandIn { address, heard, ends: Mutex::new(ends) }
    }

    /// One that reads requests and answers each with this.
    pub(crate) fn answering(status: u16, text: &'static str) -> StandIn {
        StandIn::new(move |_, client| {
            client.read()?;
            client.answer(status, text)
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The whole requests that came until now, in the order of their ends.
    pub(crate) fn heard(&self) -> Vec<Request> {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until a connection has ended, and tells how.
    #[track_caller]
    pub(crate) fn ended(&self) -> io::Result<()> {
        self.ends.lock().unwrap().recv_timeout(Duration::from_secs(60)).expect("a connection")
    }
}
