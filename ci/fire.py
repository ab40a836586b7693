"""A scrape server under fire: `fire.py NEW [OLD] [SCENARIO...]` runs each scenario, or these, on NEW, and on OLD beside it, and prints what it saw.

NEW and OLD are builds of `examples/scrape_server.rs`. Needs Linux, and `ss` for the send queues; the delay needs root and /dev/net/tun.
"""

import collections, ctypes, fcntl, os, re, resource, select, selectors, socket, struct, subprocess, sys, threading, time

GET = b"GET /metrics HTTP/1.1\r\nHost: fire\r\n\r\n"
CLOSE = b"GET /metrics HTTP/1.1\r\nHost: fire\r\nConnection: close\r\n\r\n"


class Server:
    """A server in a process of its own."""

    def __init__(self, binary, series, label_bytes=15, prefix=(), ip="127.0.0.1"):
        self.process = subprocess.Popen([*prefix, binary, str(series), str(label_bytes), f"{ip}:0"], stdout=subprocess.PIPE)
        host, port = self.process.stdout.readline().decode().strip().rsplit(":", 1)
        self.address = (host, int(port))
        # Sockets of the runtime, and the one that listens.
        self.own = 0
        self.own = self.connections()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def status(self, key):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(key)) / 1024

    def seconds(self):
        """Processor time so far."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connections(self):
        return len([fd for fd in os.listdir(f"/proc/{self.process.pid}/fd") if self.is_socket(fd)]) - self.own

    def is_socket(self, fd):
        try:
            return os.readlink(f"/proc/{self.process.pid}/fd/{fd}").startswith("socket")
        except OSError:
            return False


def connect(server, timeout=60, source="127.0.0.1"):
    # What is bound to is left to the system where the server is not on this machine's own address.
    source = (source, 0) if server.address[0].startswith("127.") else None
    client = socket.create_connection(server.address, timeout, source)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def scrape(server, timeout=60, source="127.0.0.1"):
    """Seconds and bytes of a scrape, or None if it failed."""
    start, total, tail, buffer = time.monotonic(), 0, b"", bytearray(1 << 20)
    try:
        with connect(server, timeout, source) as client:
            client.sendall(CLOSE)
            while length := client.recv_into(buffer):
                total += length
                tail = (tail + bytes(buffer[max(0, length - 5) : length]))[-5:]
                if time.monotonic() - start > timeout:
                    return None
    except OSError:
        return None
    return (time.monotonic() - start, total) if tail == b"0\r\n\r\n" else None


def storm(binary):
    with Server(binary, 100_000) as server:
        scrape(server)
        before, times, failed = server.status("VmHWM"), [], [0]

        def client():
            for _ in range(100):
                done = scrape(server)
                if done:
                    times.append(done[0])
                else:
                    failed[0] += 1

        threads = [threading.Thread(target=client) for _ in range(50)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        if not times:
            return "all of 5000 failed"
        times.sort()
        return (
            f"{failed[0]} of 5000 failed, slowest {times[-1]:.2f} s, median {times[len(times) // 2]:.2f} s, "
            f"memory +{server.status('VmHWM') - before:.1f} MiB"
        )


class Crowd(threading.Thread):
    """Clients that are silent, or send a byte a second; they may come back when they are closed."""

    def __init__(self, server, number, come_back):
        super().__init__(daemon=True)
        self.server, self.come_back, self.running, self.closed, self.reconnects = server, come_back, True, 0, 0
        self.selector, self.slow, self.number = selectors.DefaultSelector(), set(), number

    def open(self, slow):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(self.server.address)
        self.selector.register(client, selectors.EVENT_READ, slow)
        if slow:
            self.slow.add(client)

    def run(self):
        for n in range(self.number):
            self.open(n % 2 == 1)
        last = time.monotonic()
        while self.running:
            for key, _ in self.selector.select(0.1):
                client = key.fileobj
                self.selector.unregister(client)
                self.slow.discard(client)
                client.close()
                self.closed += 1
                if self.come_back:
                    self.reconnects += 1
                    self.open(key.data)
            if time.monotonic() - last > 1:
                last = time.monotonic()
                for client in list(self.slow):
                    try:
                        client.send(b"G")
                    except OSError:
                        pass
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()

    def stop(self):
        self.running = False
        self.join()


def watch(server, seconds, every, source="127.0.0.1"):
    """Good scrapes while something else happens."""
    times, failed, until = [], 0, time.monotonic() + seconds
    while time.monotonic() < until:
        done = scrape(server, 30, source)
        if done:
            times.append(done[0])
        else:
            failed += 1
        time.sleep(every)
    times.sort()
    if not times:
        return f"0 scrapes, {failed} failed"
    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
    return f"{len(times)} scrapes, p99 {p99 * 1000:.0f} ms, slowest {times[-1] * 1000:.0f} ms, {failed} failed"


def slow(binary):
    with Server(binary, 100) as server:
        crowd = Crowd(server, 1000, come_back=False)
        crowd.start()
        seen = watch(server, 12, 0.05)
        open_now = server.connections()
        crowd.stop()
        return f"{open_now} open after 12 s; {seen}"


def again(binary):
    with Server(binary, 100) as server:
        crowd = Crowd(server, 1500, come_back=True)
        crowd.start()
        time.sleep(2)
        used = server.seconds()
        seen = watch(server, 20, 1)
        used = (server.seconds() - used) / 20
        crowd.stop()
        return f"{seen}; {used:.2f} of a core; {crowd.reconnects} came back"


def unread(binary):
    """The memory of the server's side of connections whose clients do not read."""
    with Server(binary, 100_000) as server:
        clients = []
        for _ in range(500):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.address)
            clients.append(client)
        for client in clients:
            select.select([], [client], [], 5)
            try:
                client.send(GET)
            except OSError:
                pass
        time.sleep(3)
        lines = subprocess.run(
            ["ss", "-Htnm", f"sport = :{server.address[1]}"], capture_output=True, text=True
        ).stdout
        # What was allocated to send, and what was queued.
        queued = sum(int(size) for size in re.findall(r",f\d+,w(\d+),", lines)) / (1 << 20)
        rss = server.status("VmRSS")
        [client.close() for client in clients]
        return f"{queued:.0f} MiB in send queues of {lines.count('skmem')} connections; the server's memory {rss:.0f} MiB"


def beside(binary):
    """Good scrapes from other addresses while one that has read a page asks 64 times and does not read."""
    with Server(binary, 2_000, 4000) as server:
        for known in ("127.0.0.2", "127.0.0.3"):
            scrape(server, source=known)
        clients = [connect(server, source="127.0.0.2") for _ in range(64)]
        [client.sendall(GET) for client in clients]
        time.sleep(1)
        seen = [f"from {source}: {watch(server, 3, 0.1, source)}" for source in ("127.0.0.3", "127.0.0.4")]
        [client.close() for client in clients]
        return "; ".join(seen)


def keep_alive(binary):
    """A page read at 55 kB/s within 60 s."""
    with Server(binary, 700, 4000) as server, connect(server) as client:
        client.sendall(GET)
        start, total, tail = time.monotonic(), 0, b""
        try:
            while tail != b"0\r\n\r\n":
                piece = client.recv(5_500)
                if not piece:
                    return f"ended after {time.monotonic() - start:.0f} s and {total} bytes"
                total += len(piece)
                tail = (tail + piece)[-5:]
                time.sleep(max(0, start + total / 55_000 - time.monotonic()))
            whole = time.monotonic() - start
            client.settimeout(60)
            end = "FIN" if client.recv(1) == b"" else "?"
        except ConnectionResetError:
            done = "whole, " if tail == b"0\r\n\r\n" else ""
            return f"{done}reset after {time.monotonic() - start:.0f} s and {total} bytes"
        return f"whole after {whole:.0f} s, {total} bytes; idle end by {end}"


def descriptors(binary):
    """64 file descriptors and 200 silent clients: that stay, and that come back."""
    seen = []
    for come_back in (False, True):
        with Server(binary, 100, prefix=["sh", "-c", 'ulimit -n 64 && exec "$@"', "sh"]) as server:
            crowd = Crowd(server, 200, come_back)
            crowd.start()
            time.sleep(1)
            used = server.seconds()
            time.sleep(4)
            used = (server.seconds() - used) / 4
            meanwhile = scrape(server, 30)
            crowd.stop()
            start = time.monotonic()
            done = scrape(server)
            seen.append(
                f"{'they come back' if come_back else 'they stay'}: {used * 100:.1f} % of a core, "
                + (f"a scrape meanwhile {meanwhile[0]:.2f} s, " if meanwhile else "no scrape meanwhile, ")
                + (f"back after {time.monotonic() - start:.2f} s" if done else "not back")
            )
    return "; ".join(seen)


class Delay(threading.Thread):
    """Two network namespaces, between which each packet takes `seconds`."""

    def __init__(self, seconds):
        super().__init__(daemon=True)
        self.seconds, self.libc = seconds, ctypes.CDLL(None, use_errno=True)
        self.own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.ends = []
        for n in (1, 2):
            if self.libc.unshare(0x40000000):
                raise OSError(ctypes.get_errno(), "unshare")
            namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH", b"fire0", 0x1001))
            for command in (
                f"ip link set lo up",
                f"ip address add 10.9.0.{n}/24 dev fire0",
                f"ip link set fire0 mtu 9000 txqueuelen 10000 up",
            ):
                subprocess.run(command.split(), check=True)
            self.ends.append((namespace, tun))
        self.enter(None)

    def enter(self, end):
        self.libc.setns(self.own if end is None else self.ends[end][0], 0x40000000)

    def run(self):
        tuns = [tun for _, tun in self.ends]
        queue = collections.deque()
        while True:
            wait = max(0, queue[0][0] - time.monotonic()) if queue else None
            for tun in select.select(tuns, [], [], wait)[0]:
                to = tuns[1 - tuns.index(tun)]
                try:
                    while True:
                        queue.append((time.monotonic() + self.seconds, to, os.read(tun, 65536)))
                except BlockingIOError:
                    pass
            while queue and queue[0][0] <= time.monotonic():
                _, to, packet = queue.popleft()
                try:
                    os.write(to, packet)
                except OSError:
                    pass


def delayed(binary):
    """The speed of a scrape of 100 MB at a distance of 50 ms, there and back."""
    delay = Delay(0.025)
    delay.start()
    delay.enter(0)
    with Server(binary, 25_000, 4000, ip="10.9.0.1") as server:
        delay.enter(1)
        try:
            runs = [scrape(server, 120) for _ in range(4)]
        finally:
            delay.enter(None)
        return ", ".join(f"{run[1] / run[0] / 1e6:.0f} MB/s" if run else "failed" for run in runs)


SCENARIOS = {
    "storm": ("50 clients x 100 scrapes of 100,000 series", storm),
    "slow": ("1,000 slow and silent connections", slow),
    "again": ("1,500 hostile clients that come back", again),
    "unread": ("500 clients that ask and do not read", unread),
    "beside": ("one address asks 64 times and does not read; good scrapes beside it", beside),
    "keep-alive": ("a page of 2.9 MB read at 55 kB/s", keep_alive),
    "descriptors": ("64 file descriptors, 200 clients", descriptors),
    "delayed": ("a page of 100 MB at 50 ms", delayed),
}


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    binaries, chosen = [], []
    for argument in sys.argv[1:]:
        (chosen if argument in SCENARIOS else binaries).append(argument)
    for binary in binaries:
        if not os.access(binary, os.X_OK) or os.path.isdir(binary):
            sys.exit(f"{binary} is neither a server nor one of the scenarios {', '.join(SCENARIOS)}")
    if not binaries:
        sys.exit("fire.py NEW [OLD] [SCENARIO...]: no server was named")
    for name in chosen or SCENARIOS:
        title, run = SCENARIOS[name]
        print(f"{title} ({name})", flush=True)
        for binary in binaries:
            try:
                print(f"  {binary}: {run(binary)}", flush=True)
            except OSError as error:
                print(f"  {binary}: not measured, {error}", flush=True)


main()
