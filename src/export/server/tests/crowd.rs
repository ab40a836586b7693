//! Silent clients, and who gives way to whom.

use super::*;
use crate::export::server::table::Admission;

#[tokio::test]
async fn silent_and_slow_clients_are_closed() {
    let server = run(Limits { header: SHORT, ..PATIENT }).await;
    let mut silent = server.connect().await;
    let mut half = server.ask(b"GET /metrics HTTP/1.1\r\nhost: ").await;
    let mut slow = server.connect().await;
    let mut again = server.connect().await;
    scrape(&mut again).await.unwrap();
    again.write_all(b"GET").await.unwrap();
    let start = Instant::now();
    // One byte at a time, well within the time for each, and still too slow for the whole.
    let trickle = async {
        for byte in SCRAPE {
            if slow.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(SHORT / 10).await;
        }
    };
    tokio::join!(closed(&mut silent), closed(&mut half), closed(&mut again), trickle);
    closed(&mut slow).await;
    assert!(start.elapsed() >= SHORT / 2);
    let late = server.registry.to_text();
    assert!(late.contains("\nquipu_late_scrape_connections_total 4\n"));
}

#[tokio::test]
async fn a_connection_that_has_been_idle_ends_in_order() {
    let server = run(Limits { idle: SHORT, ..PATIENT }).await;
    let mut stream = server.connect().await;
    scrape(&mut stream).await.unwrap();
    scrape(&mut stream).await.unwrap();
    let start = Instant::now();
    assert!(!closed(&mut stream).await, "it was reset");
    assert!(start.elapsed() >= SHORT / 2);
}

#[tokio::test]
async fn the_longest_silent_gives_way() {
    let server = run(Limits { connections: 4, ..PATIENT }).await;
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(server.ask(b"GET /metr").await);
        sleep(SHORT / 10).await;
    }
    let mut idle = server.connect().await;
    scrape(&mut idle).await.unwrap();
    sleep(SHORT / 10).await;
    // The first has not been heard of for longest, although it sends.
    silent[0].write_all(b"ics HTTP/1.1\r\n").await.unwrap();
    let mut stalled = server.ask(SCRAPE).await;
    stalled.read_u8().await.unwrap();

    let mut new = server.connect().await;
    scrape(&mut new).await.unwrap();
    closed(&mut silent[0]).await;
    assert!(is_open(&mut silent[1]).await && is_open(&mut idle).await);
    let mut newer = server.connect().await;
    scrape(&mut newer).await.unwrap();
    closed(&mut silent[1]).await;
    let mut newest = server.connect().await;
    scrape(&mut newest).await.unwrap();
    closed(&mut idle).await;
    read_response(&mut stalled).await.unwrap();
    let text = server.registry.to_text();
    assert!(text.contains("\nquipu_evicted_scrape_connections_total 3\n"));
    assert!(text.contains("\nquipu_late_scrape_connections_total 0\n"));
}

#[tokio::test]
async fn scrapes_under_way_do_not_give_way() {
    let server = run(Limits { connections: 2, ..PATIENT }).await;
    let mut under_way = [server.ask(SCRAPE).await, server.ask(SCRAPE).await];
    for stream in &mut under_way {
        stream.read_u8().await.unwrap();
    }
    let mut third = server.ask(SCRAPE).await;
    let early = timeout(SHORT, third.read_u8()).await;
    assert!(early.is_err(), "the third was served beside two others");
    read_response(&mut under_way[0]).await.unwrap();
    timeout(LONG, read_response(&mut third)).await.unwrap().unwrap();
    read_response(&mut under_way[1]).await.unwrap();
}

#[tokio::test]
async fn what_is_no_scrape_gives_way_also_when_it_is_not_read() {
    let server = run(Limits { connections: 8, ..PATIENT }).await;
    let nothing = "GET / HTTP/1.1\r\nhost: test\r\n\r\n".repeat(1_000);
    let mut flooding = Vec::new();
    for _ in 0..8 {
        let mut stream = server.connect().await;
        // Until the server does not take more.
        while let Ok(written) = timeout(SHORT, stream.write_all(nothing.as_bytes())).await {
            written.unwrap();
        }
        flooding.push(stream);
    }
    let mut scraper = server.connect().await;
    scrape(&mut scraper).await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_that_has_too_many_gives_way_to_itself() {
    let server = run(Limits { connections_per_address: 2, ..PATIENT }).await;
    let mut other = server.connect_from(2).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    sleep(SHORT / 10).await;
    let mut third = server.connect().await;
    scrape(&mut third).await.unwrap();
    closed(&mut first).await;
    assert!(is_open(&mut second).await && is_open(&mut other).await);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn strangers_leave_room_for_those_who_have_scraped() {
    let server = run(Limits { connections: 16, ..PATIENT }).await;
    let mut known = server.connect_from(2).await;
    scrape(&mut known).await.unwrap();
    let mut strangers = Vec::new();
    for _ in 0..40 {
        strangers.push(server.connect().await);
    }
    for stream in &mut strangers[..40 - 14] {
        closed(stream).await;
    }
    assert!(is_open(&mut known).await);
    let mut again = server.connect_from(2).await;
    for stream in [&mut again, &mut known, &mut strangers[39]] {
        scrape(stream).await.unwrap();
    }
}

/// Asks from an address of this machine, and says whether a scrape begins.
#[cfg(target_os = "linux")]
async fn begin_from(server: &Running, host: u8, request: &[u8]) -> (TcpStream, bool) {
    let mut stream = server.connect_from(host).await;
    stream.write_all(request).await.unwrap();
    let mut status = [0; 12];
    timeout(LONG, stream.read_exact(&mut status)).await.unwrap().unwrap();
    (stream, status.ends_with(b" 200"))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_that_does_not_read_leaves_scrapes_to_others() {
    let server = run(Limits { connections: 256, connections_per_address: 128, ..PATIENT }).await;
    for known in [2, 3] {
        scrape(&mut server.connect_from(known).await).await.unwrap();
    }
    let mut unread = Vec::new();
    for n in 0..64 {
        let (stream, begins) = begin_from(&server, 2, SCRAPE).await;
        assert_eq!(begins, n < 52, "{n}");
        unread.push(stream);
    }
    for host in [3, 4] {
        scrape(&mut server.connect_from(host).await).await.unwrap();
    }
    drop(unread);
    let mut unread = Vec::new();
    for (host, expected) in [(2, true), (2, true), (2, false), (3, true), (4, true)] {
        let (stream, begins) = begin_from(&server, host, b"GET /metrics HTTP/1.0\r\n\r\n").await;
        assert_eq!(begins, expected, "{host}");
        unread.push(stream);
    }
}

/// They come back as soon as they are closed.
#[tokio::test]
async fn many_silent_clients_do_not_keep_a_scrape_out() {
    let server =
        run(Limits { connections: 40, connections_per_address: 20, grace: Duration::from_millis(100), ..PATIENT })
            .await;
    let address = server.address;
    let come_back = move || async move {
        loop {
            if let Ok(mut stream) = TcpStream::connect(address).await {
                let _ = stream.read(&mut [0]).await;
            }
        }
    };
    let hostile: Vec<JoinHandle<()>> = (0..150).map(|_| tokio::spawn(come_back())).collect();
    for _ in 0..5 {
        let start = Instant::now();
        let mut scraper = server.connect().await;
        scrape(&mut scraper).await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
    hostile.iter().for_each(JoinHandle::abort);
}

/// What the system takes for a client that does not read: not the some MiB that it would.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn little_waits_for_a_client_that_does_not_read() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, address) = listener.accept().await.unwrap();
    let table = Table::new(PATIENT);
    let seat = || match table.admit(address) {
        Admission::Seat(seat, _) => seat,
        other => panic!("no place: {other:?}"),
    };
    let _others: Vec<_> = (0..40).map(|_| seat()).collect();
    let mut socket = socket::Socket::new(stream, Arc::new(seat()));
    let (mut taken, chunk) = (0, vec![0; 16 * 1024]);
    while let Ok(written) = timeout(SHORT, socket.write(&chunk)).await {
        taken += written.unwrap();
    }
    // The client's system holds some of that.
    assert!(taken < 1024 * 1024, "{taken} bytes");
    let together: u32 = (1..=512).map(socket::max_unsent_bytes).sum();
    assert!(together <= 64 << 20, "{together} bytes");
}

/// What waits for the client keeps its place in the table, also when the client closes its side first.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_that_is_closed_ends_when_all_was_read() {
    for closes_first in [false, true] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        let table = Table::new(Limits { header: SHORT * 3, ..PATIENT });
        let Admission::Seat(seat, _) = table.admit(address) else { panic!("no place") };
        let seat = Arc::new(seat);
        let mut socket = socket::Socket::new(stream, Arc::clone(&seat));
        let chunk = vec![0; 64 * 1024];
        while let Ok(written) = timeout(SHORT, socket.write(&chunk)).await {
            written.unwrap();
        }
        if closes_first {
            client.shutdown().await.unwrap();
        }
        timeout(SHORT, socket.shutdown()).await.expect_err("something is unread");
        assert!(seat.is_closing() && !seat.breaks_off());
        let read = async {
            client.read_to_end(&mut Vec::new()).await.unwrap();
            drop(client);
        };
        let (ended, ()) = timeout(LONG, async { tokio::join!(socket.shutdown(), read) }).await.unwrap();
        ended.unwrap();
        sleep(SHORT * 3).await;
        assert!(seat.breaks_off(), "its time is over");
    }
}
