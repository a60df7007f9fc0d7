"""A real receiver of webhooks on this machine, that answers as it is told."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Answers each request by `answer(request)`: a status, or what to do with the handler; keeps what it got, in order."""

    def __init__(self):
        self.got, self.answer = [], lambda request: 204
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Request(self.path, dict(self.headers), body, self)
                with receiver.lock:
                    receiver.got.append(request)
                    receiver.at_once += 1
                    receiver.most_at_once = max(receiver.most_at_once, receiver.at_once)
                try:
                    status = receiver.answer(request)
                finally:
                    with receiver.lock:
                        receiver.at_once -= 1
                if isinstance(status, int):
                    self.send_response(status)
                    self.end_headers()

            do_GET = do_POST  # noqa: N815

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def events(self):
        return [request.event for request in self.got]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Request:
    def __init__(self, path, headers, body, handler):
        self.path, self.headers, self.body, self.handler = path, headers, body, handler
        self.event = json.loads(body) if body else None

    def drip(self, seconds):
        """Answer one byte after the other, for so long."""
        ends = time.monotonic() + seconds
        self.handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while time.monotonic() < ends:
            try:
                self.handler.wfile.write(b"x")
                time.sleep(0.1)
            except OSError:
                return

    def redirect(self, to):
        self.handler.send_response(302)
        self.handler.send_header("Location", to)
        self.handler.end_headers()

    def flood(self):
        """Answer more than anybody wants to read."""
        self.handler.send_response(200)
        self.handler.end_headers()
        try:
            while True:
                self.handler.wfile.write(b"x" * 65_536)
        except OSError:
            return


def closed_port():
    """Return a port of this machine at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
