"""An OpenAI-compatible endpoint on this machine that answers by plan, well or badly."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler", dict[str, Any]], None]


class Handler(BaseHTTPRequestHandler):
    """Notes every request, then does what the server's plan says."""

    server: FakeEndpoint
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True
        with self.server.lock:
            self.server.requests.append(json.loads(content))
            self.server.headers.append(dict(self.headers))
            self.server.paths.append(self.path)
            self.server.hits[content] += 1
            plan = self.server.plan.pop(0) if self.server.plan else self.server.otherwise
        plan(self, json.loads(content))

    def send(self, status: int, body: str, content_length: int | None = None, **headers: str) -> None:
        """A response; a `content_length` beside the body's is a lie."""
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if content_length is None else content_length))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class FakeEndpoint(ThreadingHTTPServer):
    """Answers with the plan's answers in turn, then with `otherwise`."""

    daemon_threads = True

    def __init__(self, otherwise: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.otherwise = otherwise
        self.plan: list[Answer] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.hits: Counter[bytes] = Counter()
        self.lock = threading.Lock()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


@contextmanager
def fake_endpoint(otherwise: Answer) -> Iterator[FakeEndpoint]:
    """One that listens until the block ends."""
    with FakeEndpoint(otherwise) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


def reply(text: str | None = "fine", reason: str | None = "stop", model: str = "judge-1") -> str:
    """The body of a reply."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    return json.dumps({"object": "chat.completion", "model": model, "choices": [choice], "usage": {"total_tokens": 7}})


def says(body: str, status: int = 200, **headers: str) -> Answer:
    """That body."""
    return lambda handler, _: handler.send(status, body, **headers)


def cut_short(handler: Handler, _: dict[str, Any]) -> None:
    """Half of what it promised."""
    handler.send(200, reply()[:40], content_length=len(reply()))


def reset(handler: Handler, _: dict[str, Any]) -> None:
    """Ends the connection at once."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def hang(handler: Handler, _: dict[str, Any]) -> None:
    """Says nothing until the server ends."""
    handler.server.released.wait(60)


def drip(handler: Handler, _: dict[str, Any]) -> None:
    """A byte now and then, for ever."""
    handler.send(200, "", content_length=10**6)
    while not handler.server.released.wait(0.02):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def drip_headers(handler: Handler, _: dict[str, Any]) -> None:
    """One header after another, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.released.wait(0.02):
        handler.wfile.write(b"X: y\r\n")
        handler.wfile.flush()


def flood(handler: Handler, _: dict[str, Any]) -> None:
    """More than anybody wants to read."""
    handler.send(200, "x" * (9 * 2**20))


def judge(handler: Handler, body: dict[str, Any]) -> None:
    """Prefers the longer answer; of equally long ones the first, wherever it stands."""
    pair = json.loads(body["messages"][-1]["content"])
    first = len(pair["answer_a"]) >= len(pair["answer_b"])
    handler.send(200, reply(f"Both describe the code.\n**{'A' if first else 'B'}**"))
