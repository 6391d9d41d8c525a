"""Many judgements at once, in order, with the sandbox's own failures tried again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from mft_core.sandbox.outcome import Outcome

Job = Callable[[], Outcome]

TRIES = 4
FIRST_PAUSE_SECONDS = 0.2


def judge_many(jobs: Iterable[Job], workers: int) -> Iterator[Outcome]:
    """The outcomes of the jobs, in the order of the jobs, as they become ready; `workers` run at the same time.

    A job whose outcome is "infra_error" is tried again, three times, with growing pauses. An outcome that still is
    "infra_error" says nothing about the candidate: do not score it.
    """
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="judge") as pool:
        remaining = iter(jobs)
        waiting: list[Future[Outcome]] = [pool.submit(_judge, job) for job in islice(remaining, 2 * workers)]
        try:
            while waiting:
                yield waiting.pop(0).result()
                waiting.extend(pool.submit(_judge, job) for job in islice(remaining, 1))
        finally:
            for future in waiting:
                future.cancel()


def _judge(job: Job) -> Outcome:
    pause = FIRST_PAUSE_SECONDS
    for _ in range(TRIES - 1):
        outcome = job()
        if outcome.verdict != "infra_error":
            return outcome
        time.sleep(pause)
        pause *= 2
    return job()
