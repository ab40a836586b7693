"""Receives what Alertmanager sends, and prints a line for each alert. Where real pagers are not at hand.

Usage: python3 receiver.py [HOST:PORT]
The path is the receiver's name; each line is `receiver status name {labels} summary`. GET answers 200, for health checks.
"""

import http.server
import json
import sys


def line(receiver, alert):
    labels = dict(alert["labels"])
    name = labels.pop("alertname", "?")
    text = json.dumps(labels, sort_keys=True)
    return f"{receiver} {alert['status']} {name} {text} {alert['annotations'].get('summary', '')}"


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        try:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            lines = [line(self.path.strip("/"), alert) for alert in json.loads(body)["alerts"]]
        except (ValueError, KeyError, TypeError) as error:
            print(f"{self.path}: not from Alertmanager: {error!r}", file=sys.stderr, flush=True)
            return self.answer(400)
        # In one piece: requests are served by threads.
        print("\n".join(lines), flush=True)
        self.answer(200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    host, _, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9095").rpartition(":")
    http.server.ThreadingHTTPServer((host, int(port)), Receiver).serve_forever()
