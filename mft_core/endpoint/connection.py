"""The way to an endpoint: connections that are kept, in an event loop of their own, for questions of any threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, NamedTuple

from mft_core.endpoint.gate import GIVEN_UP
from mft_core.endpoint.replies import GiveUp, NotSent, TryAgain

if TYPE_CHECKING:
    import httpx2

LARGEST_BODY = 8 * 2**20
KEPT_SECONDS = 30.0
"""For which a connection that nobody uses stays open."""


class Response(NamedTuple):
    """What came back.

    Attributes:
        headers: with names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: str


class Connection:
    """Posts JSON to the paths under one URL, over connections that are kept open.

    Being asynchronous, an exchange ends anywhere. The loop and its thread begin with the first question, and end with
    `close`.

    Args:
        url: with its scheme.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._changing = threading.Lock()
        self._loop: _Loop | None = None
        self._closed = False

    def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str], seconds: float) -> Response:
        """The response to one request.

        Args:
            path: behind the URL, with its slash.
            seconds: from the connection to the last byte.

        Raises:
            NotSent: there was no connection.
            TryAgain: none came whole, in time.
            GiveUp: none will; or the connection was closed.
        """
        import httpx2

        try:
            return self._begin(path, body, headers, seconds).result()
        except CancelledError:
            raise GiveUp(GIVEN_UP) from None
        except httpx2.InvalidURL as error:
            raise GiveUp(f"its URL cannot be used: {error}") from None
        except asyncio.TimeoutError:
            raise TryAgain(f"a response that took more than {seconds:g} seconds") from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise NotSent(f"{type(error).__name__} {error}".strip()) from None
        except (httpx2.HTTPError, OSError) as error:
            raise TryAgain(f"{type(error).__name__} {error}".strip()) from None

    def close(self) -> None:
        """End what is under way, close the connections, and wait for the thread."""
        with self._changing:
            self._closed = True
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.end()

    def _begin(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str], seconds: float
    ) -> Future[Response]:
        # Under the lock, or else a question could come behind the loop's end, and wait for ever.
        with self._changing:
            if self._closed:
                raise GiveUp(GIVEN_UP)
            if self._loop is None:
                self._loop = _Loop(self._url)
            return self._loop.begin(path, body, headers, seconds)


class _Loop:
    """An event loop in a thread, and the clients that live in it, one for every exchange that is under way.

    A client has one connection. One client with all of them would look through all at every request: at 64, that took
    more time than the rest.
    """

    def __init__(self, url: str) -> None:
        import httpx2

        self._url = url
        # Certificates take longer to read than a request; without TLS there is nothing to verify.
        self._certificates = httpx2.create_ssl_context() if url.startswith("https://") else False
        self._free: list[httpx2.AsyncClient] = []
        self._over = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        # Not waited for when the process ends without `end`: then the system closes the connections.
        self._thread = threading.Thread(target=self._run, name="endpoint", daemon=True)
        self._thread.start()

    def begin(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str], seconds: float) -> Future[Response]:
        return asyncio.run_coroutine_threadsafe(self._exchange(path, body, headers, seconds), self._loop)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._live())
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _live(self) -> None:
        await self._over.wait()
        # Ended before their clients are: an exchange whose connection is closed under it may raise anything.
        exchanges = asyncio.all_tasks() - {asyncio.current_task()}
        for exchange in exchanges:
            exchange.cancel()
        await asyncio.gather(*exchanges, return_exceptions=True)
        for client in self._free:
            await client.aclose()

    async def _exchange(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str], seconds: float
    ) -> Response:
        # The one used last: what is not needed stays unused, and the endpoint closes it.
        client = self._free.pop() if self._free else self._new_client()
        try:
            return await asyncio.wait_for(self._whole(client, path, body, headers), seconds)
        finally:
            self._free.append(client)

    async def _whole(
        self, client: httpx2.AsyncClient, path: str, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Response:
        async with client.stream("POST", f"{self._url}{path}", json=body, headers=headers) as response:
            found = {name.lower(): value for name, value in response.headers.items()}
            return Response(response.status_code, found, await _read(response))

    def _new_client(self) -> httpx2.AsyncClient:
        import httpx2

        limits = httpx2.Limits(keepalive_expiry=KEPT_SECONDS)
        return httpx2.AsyncClient(timeout=None, verify=self._certificates, limits=limits)


async def _read(response: httpx2.Response) -> str:
    """The body, unless it is endless."""
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > LARGEST_BODY:
            raise TryAgain(f"a response of more than {LARGEST_BODY} bytes")
    return content.decode("utf-8", "replace")
