"""An endpoint for thousands of questions: it keeps connections open, and its answer says what it was asked."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class LeanEndpoint:
    """Answers every question with its own text and `padding` after it, `seconds` after it came.

    Attributes:
        keys: the Idempotency-Key of every request, as they came.
        most: requests under way at once.
        connections: that were made.
    """

    def __init__(self, padding: str = "", seconds: float = 0.0) -> None:
        self.padding = padding
        self.seconds = seconds
        self.keys: list[str] = []
        self.most = self.connections = self._inside = 0
        self.loop = asyncio.new_event_loop()
        self._server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def run(self) -> None:
        """Serve until `loop` is stopped."""
        self.loop.run_forever()
        self._server.close()
        self.loop.run_until_complete(self._end_connections())
        self.loop.close()

    async def _end_connections(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # closed sockets are let go of in the next turn

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
                body = json.loads(await reader.readexactly(int(fields["content-length"])))
                self.keys.append(fields["idempotency-key"])
                writer.write(await self._answer(body["messages"][-1]["content"]))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    async def _answer(self, question: str) -> bytes:
        self._inside += 1
        self.most = max(self.most, self._inside)
        await asyncio.sleep(self.seconds)
        self._inside -= 1
        message = {"role": "assistant", "content": f"to {question}{self.padding}"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        content = json.dumps({"model": "lean-1", "choices": [choice], "usage": usage}).encode()
        return (HEAD % len(content)).encode() + content


@contextmanager
def lean_endpoint(padding: str = "", seconds: float = 0.0) -> Iterator[LeanEndpoint]:
    """One that serves until the block ends."""
    endpoint = LeanEndpoint(padding, seconds)
    thread = threading.Thread(target=endpoint.run, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.loop.call_soon_threadsafe(endpoint.loop.stop)
        thread.join()
