"""A server that answers as the Hub does, for one data set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit


@contextmanager
def fake_hub(name: str, files: Mapping[str, bytes], commit: str) -> Iterator[tuple[str, list[str]]]:
    """Its address, and the names of the files that are asked for as they are."""
    fetched: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_HEAD(self) -> None:
            self.answer()

        def answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            described = f"/api/datasets/{name}"
            tree = [
                {"type": "file", "path": file, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for file, content in files.items()
            ]
            if path.startswith(f"{described}/tree/"):
                self.send(json.dumps(tree).encode())
            elif path.startswith(described):
                siblings = [{"rfilename": file} for file in files]
                self.send(json.dumps({"id": name, "sha": commit, "siblings": siblings}).encode())
            elif (file := path.removeprefix(f"/datasets/{name}/resolve/{commit}/")) in files:
                fetched.append(file)
                self.send(files[file])
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def send(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", commit)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", fetched
    finally:
        server.shutdown()
        server.server_close()
