"""A board that really listens, in a thread of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import uvicorn

from mft_board.application import guarded
from mft_board.places import Places, open_places
from mft_board.serving import listen

TOKEN = "t" * 43
HOST = "127.0.0.1"


@dataclass
class RunningBoard:
    """Where it listens, and a browser, so to say, that has its cookie."""

    places: Places
    port: int
    client: httpx2.Client

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def link(self) -> str:
        return f"{self.origin}/?token={TOKEN}"

    def page(self, path: str, status: int = 200) -> str:
        """The text of a page."""
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def key(self, kind: str, title: str = "") -> str:
        """What requests call something."""
        return next(place.key for place in self.places.all(kind) if title in ("", place.title))


@contextmanager
def running_board(*folders: Path) -> Iterator[RunningBoard]:
    """A board on folders, until the block ends."""
    places = open_places(folders)
    listener = listen(HOST, 0)
    port = listener.getsockname()[1]
    config = uvicorn.Config(guarded(places, TOKEN, HOST, f"mft_board_{port}"), log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        with httpx2.Client(base_url=f"http://{HOST}:{port}", timeout=60) as client:
            client.cookies.set(f"mft_board_{port}", TOKEN, domain=HOST)
            yield RunningBoard(places, port, client)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
