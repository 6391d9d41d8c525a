"""Tokenising in worker processes: results in order, bounded memory, and an error instead of a hang."""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from mft_core.data.encoding import Encoded, Line, encode_lines
from mft_core.data.length_guard import LengthPolicy
from mft_core.data.tokenization import Tokenization
from mft_core.data.worker_watch import WorkerWatch
from mft_core.errors import MftError
from mft_core.support.reading import AS_IT_IS, RecordForm
from mft_core.support.threads import allowed_processors

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PARALLEL_BYTES = 16 << 20
"""Below this much JSONL, starting workers (each imports transformers) takes longer than it saves."""

SECONDS_BETWEEN_LOOKS = 1.0
LOOKS_AT_A_STOPPED_WORKER = 15
"""One after the other, all without a result: Ctrl-Z stops this process too, and what comes after it starts anew."""
LOOKS_WITHOUT_RESULT = 1800
"""A chunk takes a fraction of a second; where workers cannot be looked at, half an hour without any is a hang."""


class EncodingPool:
    """Encodes chunks of lines, here or in worker processes; the results and their order are the same.

    A tokenization that a fresh process cannot build (a plugin given as a single file, a class that cannot be
    pickled) is used in this process.

    Args:
        tokenization: bound to `tokenizer`; workers build their own from its class and options.
        tokenizer: a picklable tokenizer.
        size: bytes to encode in all.
        processes: worker processes; None: one per core if `size` is worth it.
    """

    def __init__(
        self,
        tokenization: Tokenization,
        tokenizer: PreTrainedTokenizerBase,
        size: int,
        processes: int | None = None,
    ) -> None:
        self._tokenization = tokenization
        self._executor: ProcessPoolExecutor | None = None
        self._watch = WorkerWatch()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        wanted = processes if processes is not None else allowed_processors() if size >= PARALLEL_BYTES else 1
        payload = _pickled(tokenization, tokenizer) if wanted > 1 and size > 0 else None
        if payload is not None:
            self._start(payload, wanted)

    def _start(self, payload: bytes, processes: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mft-tokens-")
        self._payload = Path(self._folder.name) / "tokenization.pickle"
        self._payload.write_bytes(payload)
        self._in_flight = 2 * processes
        context = multiprocessing.get_context("spawn")  # fork is unsafe once torch or tokenizers have threads
        self._executor = ProcessPoolExecutor(processes, mp_context=context, initializer=_die_with_parent)

    def __enter__(self) -> EncodingPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        if self._folder is not None:
            self._folder.cleanup()

    def encode(
        self, chunks: Iterable[list[Line]], origins: list[str], policy: LengthPolicy, form: RecordForm = AS_IT_IS
    ) -> Iterator[Encoded]:
        """The chunks encoded, in their order; only a few are in memory at a time. Arguments as in `encode_lines`.

        Raises:
            MftError: a worker died or stands still, or the tokenization failed.
        """
        if self._executor is None:
            for chunk in chunks:
                yield encode_lines(chunk, origins, self._tokenization, policy, form)
            return
        waiting: deque[Future[Encoded]] = deque()
        try:
            for chunk in chunks:
                waiting.append(
                    self._executor.submit(_encode_in_worker, str(self._payload), chunk, origins, policy, form)
                )
                if len(waiting) >= self._in_flight:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        except BrokenProcessPool as error:
            self._executor.shutdown(wait=True)
            raise MftError(
                f"A process that tokenises the data has died: {self._watch.ends() or 'it is not known how'}.",
                "If memory ran out, close other programs or use a machine with more of it; then start again. A script "
                'of your own must do its work under `if __name__ == "__main__":`, so that processes can be started.',
            ) from error

    def _result(self, future: Future[Encoded]) -> Encoded:
        """Wait for a chunk, but not for workers that do nothing any more."""
        still = 0
        for _ in range(LOOKS_WITHOUT_RESULT):
            stopped = self._watch.look()
            if wait([future], SECONDS_BETWEEN_LOOKS).done:
                return future.result()
            still = still + 1 if stopped else 0
            if still == LOOKS_AT_A_STOPPED_WORKER:
                self._watch.kill()
                processes = ", ".join(map(str, stopped))
                raise MftError(
                    f"A process that tokenises the data was stopped and does not go on: process {processes}.",
                    "Start again, and see to it that nothing (SIGSTOP, a debugger) stops single processes.",
                )
        self._watch.kill()
        minutes = LOOKS_WITHOUT_RESULT * SECONDS_BETWEEN_LOOKS / 60
        raise MftError(
            f"The processes that tokenise the data have given no result for {minutes:.0f} minutes.",
            "Start again; if it happens again, the tokenization hangs on a record.",
        )


def _pickled(tokenization: Tokenization, tokenizer: PreTrainedTokenizerBase) -> bytes | None:
    """What a fresh process needs to build the tokenization; None where it could not."""
    package = type(tokenization).__module__.partition(".")[0]
    if not any(finder.find_spec(package, None) for finder in sys.meta_path):
        return None
    try:
        return pickle.dumps((type(tokenization), tokenization.options, tokenizer))
    except (pickle.PicklingError, TypeError, AttributeError):
        return None


def _die_with_parent() -> None:
    """A worker whose parent was killed (kill -9 closes no queue) must not wait for work for ever."""
    threading.Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@functools.cache
def _build_tokenization(payload: str) -> Tokenization:
    kind, options, tokenizer = pickle.loads(Path(payload).read_bytes())  # written by the parent process just now
    tokenization: Tokenization = kind(options)
    tokenization.bind(tokenizer)
    return tokenization


def _encode_in_worker(
    payload: str, lines: list[Line], origins: list[str], policy: LengthPolicy, form: RecordForm
) -> Encoded:
    return encode_lines(lines, origins, _build_tokenization(payload), policy, form)
