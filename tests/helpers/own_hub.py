"""A server that takes repositories as the Hub does: made, looked at, preuploaded, large files by LFS, committed."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

TOKEN = "hf_" + "ownhubtoken0123456789"
LARGE = ".safetensors"


@dataclass
class HubRepository:
    """One repository: files by branch, and how often it was committed to."""

    private: bool = True
    branches: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {}})
    commits: int = 0

    def sha(self) -> str:
        return hashlib.sha1(str(self.commits).encode()).hexdigest()


class HubHandler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: OwnHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def answer(self) -> None:
        self.close_connection = True
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        for part, plan in list(self.server.plan.items()):
            if part in path:
                plan(self)
                return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}" and not path.startswith("/lfs/"):
            self.fail(401, "Invalid credentials in Authorization header")
            return
        self.respond(path, content)

    def respond(self, path: str, content: bytes) -> None:
        if path == "/api/repos/create":
            self.create(json.loads(content))
        elif path == "/api/validate-yaml":
            self.send({"errors": [], "warnings": []})
        elif path.startswith("/lfs/"):
            self.server.blobs[path.removeprefix("/lfs/")] = content
            self.send({})
        elif path.endswith("/info/lfs/objects/batch"):
            self.send({"transfer": "basic", "objects": [self.upload(one) for one in json.loads(content)["objects"]]})
        else:
            self.respond_about(path, content)

    def respond_about(self, path: str, content: bytes) -> None:
        owner, name, *rest = path.removeprefix("/api/models/").split("/")
        repository = self.server.repositories.get(f"{owner}/{name}")
        action, revision = (rest[0], "/".join(rest[1:])) if rest else ("revision", "main")
        if repository is None:
            self.fail(404, "Repository not found", "RepoNotFound")
        elif action == "branch":
            repository.branches[revision] = {}
            self.send({})
        elif revision not in repository.branches:
            self.fail(404, "Invalid rev id", "RevisionNotFound")
        elif action == "preupload":
            files = [
                {"path": one["path"], "uploadMode": self.mode(one["path"]), "shouldIgnore": False, "oid": None}
                for one in json.loads(content)["files"]
            ]
            self.send({"files": files})
        elif action == "commit":
            self.commit(repository, revision, [json.loads(line) for line in content.splitlines()])
        else:
            siblings = [{"rfilename": file} for file in (".gitattributes", *repository.branches[revision])]
            told = {"id": f"{owner}/{name}", "sha": repository.sha(), "private": repository.private}
            self.send(told | {"siblings": siblings, "tags": [], "downloads": 0})

    def mode(self, path: str) -> str:
        return "lfs" if path.endswith(LARGE) else "regular"

    def create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}" if wanted.get("organization") else wanted["name"]
        is_private = wanted.get("private", wanted.get("visibility") == "private")
        self.server.repositories.setdefault(name, HubRepository(private=bool(is_private)))
        self.send({"url": f"{self.server.url}/{name}"})

    def upload(self, one: dict[str, Any]) -> dict[str, Any]:
        found = {"oid": one["oid"], "size": one["size"]}
        if one["oid"] in self.server.blobs:
            return found
        return found | {"actions": {"upload": {"href": f"{self.server.url}/lfs/{one['oid']}"}}}

    def commit(self, repository: HubRepository, revision: str, lines: list[dict[str, Any]]) -> None:
        header, *changes = lines
        parent = header["value"].get("parentCommit")
        if parent not in (None, repository.sha()):
            self.fail(412, "A commit has happened since")
            return
        files = dict(repository.branches[revision])
        for change in changes:
            key, value = change["key"], change["value"]
            if key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = self.server.blobs[value["oid"]]
            elif key == "deletedFile":
                del files[value["path"]]
        repository.branches[revision] = files
        repository.commits += 1
        url = f"{self.server.url}/org/name/commit/{repository.sha()}"
        self.send({"commitUrl": url, "commitOid": repository.sha(), "pullRequestUrl": None})

    def fail(self, status: int, message: str, code: str = "") -> None:
        self.send({"error": message}, status, {"X-Error-Code": code, "X-Error-Message": message} if code else {})

    def send(self, body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), "Connection": "close", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def reset(self) -> None:
        """Ends the connection at once."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class OwnHub(ThreadingHTTPServer):
    """Repositories by name; `plan` says what else is done with requests whose path holds a text."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.repositories: dict[str, HubRepository] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.plan: dict[str, Callable[[HubHandler], None]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


@contextmanager
def own_hub() -> Iterator[OwnHub]:
    """One that listens until the block ends."""
    with OwnHub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def own_hub_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnHub]:
    """One that this process takes for the Hub, with a token for it."""
    with own_hub() as running:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", running.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield running
