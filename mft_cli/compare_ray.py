"""`mft compare --ray`: each run a task of a Ray cluster whose machines see the same files."""

from __future__ import annotations

import logging
import os
import pickle
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mft_cli.compare_job import RunEnd, RunJob
from mft_cli.compare_pool import LocalWorker
from mft_core.errors import MftError, UsageError

if TYPE_CHECKING:
    from types import ModuleType

CARRIED = ("MFT_", "HF_")
"""Beginnings of names of environment variables that count on every machine."""


class RayRun:
    """A run that is carried out by a task of Ray, in a process of its own beside the task's."""

    def __init__(self, ray: ModuleType, job: RunJob, resources: Mapping[str, float]) -> None:
        self._ray = ray
        task = ray.remote(max_retries=0, **resources)(carry_out_there)
        variables = {name: value for name, value in os.environ.items() if name.startswith(CARRIED)}
        self._answer = task.options(scheduling_strategy="SPREAD").remote(pickle.dumps(job), variables)

    def outcome(self) -> RunEnd | None:
        """How it ended; None while it goes on or waits for a machine."""
        if not self._ray.wait([self._answer], timeout=0)[0]:
            return None
        try:
            return self._ray.get(self._answer)
        except self._ray.exceptions.TaskCancelledError:
            return RunEnd(130)
        except self._ray.exceptions.RayError as error:
            return RunEnd(1, f"its Ray task failed: {str(error).strip().splitlines()[-1]}")

    def interrupt(self, number: signal.Signals) -> None:
        """Ask it to save and end; one that has not begun never does."""
        self._ray.cancel(self._answer)


def carry_out_there(job: bytes, variables: Mapping[str, str]) -> RunEnd:
    """The task: start the same worker as on one machine, and hand on the wish to stop."""
    os.environ.update(variables)
    worker = LocalWorker(pickle.loads(job))
    try:
        return worker.wait()
    except KeyboardInterrupt:  # this is how Ray cancels
        worker.interrupt(signal.SIGINT)
        return worker.wait()


def connect(address: str) -> ModuleType:
    """Ray, connected to a cluster.

    Args:
        address: HOST:PORT of its head; "auto": the one this machine belongs to; "local": one of this machine alone.

    Raises:
        UsageError: Ray is not installed.
        MftError: there is no such cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError("--ray needs Ray, which is not installed", "pip install 'mft[ray]'") from error
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise MftError(
                f"--ray {address}: no cluster answers: {error}",
                "start one with `ray start --head`, or give its address",
            ) from error
    return ray


def resources_of_a_run(ray: ModuleType, threads: int) -> dict[str, Any]:
    """What a run takes of a machine: a GPU where the cluster has any, else the processors it computes with.

    Raises:
        MftError: no machine has as many processors as a run has threads.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(node.get("GPU") for node in nodes):
        return {"num_gpus": 1, "num_cpus": 1}
    most = max((node.get("CPU", 0) for node in nodes), default=0)
    if most < threads:
        raise MftError(
            f"a run computes with {threads} threads, and the cluster's largest machine offers {most:g} processors",
            f"OMP_NUM_THREADS={max(1, int(most))} mft compare ... gives every run as many",
        )
    return {"num_cpus": threads}
