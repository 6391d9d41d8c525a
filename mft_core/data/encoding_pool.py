"""Tokenising in worker processes: results in order, bounded memory, and an error instead of a hang."""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import pickle
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from mft_core.data.digesting import digest_lines
from mft_core.data.encoding import Encoded, encode_lines
from mft_core.data.jobs import Job
from mft_core.data.length_guard import LengthPolicy
from mft_core.data.line_records import Line
from mft_core.data.tokenization import BoundTokenization, Tokenization
from mft_core.data.worker_watch import WorkerWatch
from mft_core.errors import MftError
from mft_core.support.reading import RecordForm
from mft_core.support.threads import allowed_processors

PARALLEL_BYTES = 8 << 20
"""Below this much JSONL, starting workers (each imports transformers) takes longer than it saves."""
MOST_WAITING = 64
"""Results that are kept while one before them is waited for, such as that of a worker that has yet to start."""

SECONDS_BETWEEN_LOOKS = 1.0
LOOKS_AT_A_STOPPED_WORKER = 15
"""One after the other, all without a result: Ctrl-Z stops this process too, and what comes after it starts anew."""
LOOKS_WITHOUT_RESULT = 1800
"""A chunk takes a fraction of a second; where workers cannot be looked at, half an hour without any is a hang."""


class EncodingPool:
    """Encodes lines, here and in worker processes; the results and their order are the same for any number of them.

    This process works as they do: while they start, and whenever they have enough to do.

    A tokenization that a fresh process cannot build (a plugin given as a single file, a class that cannot be
    pickled) is used in this process.

    Args:
        size: bytes to encode in all.
        processes: that encode, this one among them; None: one per core if `size` is worth it.
    """

    def __init__(self, size: int, processes: int | None = None) -> None:
        self._executor: ProcessPoolExecutor | None = None
        self._watch = WorkerWatch()
        self._payloads: dict[BoundTokenization, str | None] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        wanted = processes if processes is not None else allowed_processors() if size >= PARALLEL_BYTES else 1
        if wanted > 1 and size > 0:
            self._folder = tempfile.TemporaryDirectory(prefix="mft-tokens-")
            self._in_flight = 2 * (wanted - 1)
            context = multiprocessing.get_context("spawn")  # fork is unsafe once torch or tokenizers have threads
            self._executor = ProcessPoolExecutor(wanted - 1, mp_context=context, initializer=_begin)

    def __enter__(self) -> EncodingPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        if self._folder is not None:
            self._folder.cleanup()

    def encode(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Encoded]]:
        """Every job and what its lines became, in their order; only some are in memory at a time.

        Where getting the next job fails, what those before it became comes first.

        Raises:
            MftError: a worker died or stands still, the tokenization failed, or what `jobs` raises.
        """
        waiting: deque[tuple[Job, Future[Encoded]]] = deque()
        readable = _UntilError(jobs)
        try:
            for job in readable:
                waiting.append((job, self._begun(job, waiting)))
                while waiting and (len(waiting) >= MOST_WAITING or waiting[0][1].done()):
                    job, future = waiting.popleft()
                    yield job, self._result(future)
            while waiting:
                job, future = waiting.popleft()
                yield job, self._result(future)
        except BrokenProcessPool as error:
            if self._executor is not None:
                self._executor.shutdown(wait=True)
            raise MftError(
                f"A process that tokenises the data has died: {self._watch.ends() or 'it is not known how'}.",
                "If memory ran out, close other programs or use a machine with more of it; then start again. A script "
                'of your own must do its work under `if __name__ == "__main__":`, so that processes can be started.',
            ) from error
        readable.check()

    def _begun(self, job: Job, waiting: Iterable[tuple[Job, Future[Encoded]]]) -> Future[Encoded]:
        """The job in a worker's hands, or done here where all of them have enough to do."""
        work = (job.lines, job.origins, job.policy, job.form)
        busy = sum(not future.done() for _, future in waiting)
        if self._executor is not None and busy < self._in_flight:
            payload = self._payload(job.bound) if job.bound is not None else None
            if payload is not None or job.bound is None:
                submitted = self._executor.submit(_work_in_worker, payload, *work)
                self._watch.look()  # it may have started a process, which may end while this one works
                return submitted
        done: Future[Encoded] = Future()
        try:
            done.set_result(_work(job.bound.tokenization if job.bound is not None else None, *work))
        except MftError as error:  # raised when it is this job's turn
            done.set_exception(error)
        return done

    def _payload(self, bound: BoundTokenization) -> str | None:
        """The file that a worker builds its own of; None where it could not."""
        if bound not in self._payloads and self._folder is not None:
            path, pickled = Path(self._folder.name) / f"{len(self._payloads)}.pickle", _pickled(bound)
            if pickled is not None:
                path.write_bytes(pickled)
            self._payloads[bound] = None if pickled is None else str(path)
        return self._payloads[bound]

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


class _UntilError:
    """Iterates over jobs; where that fails, it ends there, and `check` raises what it failed with."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = jobs
        self._error: MftError | None = None

    def __iter__(self) -> Iterator[Job]:
        try:
            yield from self._jobs
        except MftError as error:
            self._error = error

    def check(self) -> None:
        """Raise it."""
        if self._error is not None:
            raise self._error


def _pickled(bound: BoundTokenization) -> bytes | None:
    """What a fresh process needs to build the tokenization; None where it could not."""
    tokenization, tokenizer = bound
    package = type(tokenization).__module__.partition(".")[0]
    if not any(finder.find_spec(package, None) for finder in sys.meta_path):
        return None
    try:
        return pickle.dumps((type(tokenization), tokenization.options, tokenizer))
    except (pickle.PicklingError, TypeError, AttributeError):
        return None


def _begin() -> None:
    """Encode in one thread, as there is a worker for every core; and a worker whose parent was killed (kill -9 closes
    no queue) must not wait for work for ever."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
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


def _work_in_worker(
    payload: str | None, lines: Sequence[Line], origins: Sequence[str], policy: LengthPolicy, form: RecordForm
) -> Encoded:
    return _work(None if payload is None else _build_tokenization(payload), lines, origins, policy, form)


def _work(
    tokenization: Tokenization | None,
    lines: Sequence[Line],
    origins: Sequence[str],
    policy: LengthPolicy,
    form: RecordForm,
) -> Encoded:
    with _no_collection():
        if tokenization is None:
            return digest_lines(lines, origins, form)
        return encode_lines(lines, origins, tokenization, policy, form)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Leave reference cycles alone meanwhile: of the many objects of some lines none is in one, and looking for them
    among all that is loaded takes a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
