"""`mft compare --jobs N`: where each run computes, and with how many threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mft_core.errors import UsageError
from mft_core.support import units

if TYPE_CHECKING:
    from rich.console import Console

    from mft_cli.compare_job import RunJob, Worker
    from mft_core.comparison.arms import ArmRun, Request

    Start = Callable[[ArmRun, int], Worker]

LOGS = "logs"
LOG_FILE = "compare.log"

JobsOption = Annotated[
    int, typer.Option("--jobs", metavar="N", min=1, help="N runs side by side: one per device, or sharing the cores.")
]

RayOption = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="Runs as tasks of a Ray cluster: HOST:PORT, auto, or local."),
]


@dataclass(frozen=True, slots=True)
class Beside:
    """How runs go on beside each other.

    Attributes:
        jobs: so many at a time.
        plugin_files: those of `--plugin`.
        opened: folders of runs whose record of plugins counts; see `Plugins.opening`.
        ray: address of a Ray cluster to carry them out; None: this machine does.
    """

    jobs: int
    plugin_files: Sequence[Path]
    opened: Sequence[Path]
    ray: str | None = None

    def __bool__(self) -> bool:
        """Whether runs get processes of their own."""
        return self.jobs > 1 or self.ray is not None

    def __post_init__(self) -> None:
        if self and "RANK" in os.environ:
            raise UsageError(
                f"{'--ray' if self.ray else '--jobs'} starts processes of its own, and this one is a rank of torchrun "
                "or accelerate launch",
                "start `mft` by itself, or leave that out",
            )


def carry_out_beside(
    runs: Sequence[ArmRun], request: Request, elsewhere: Sequence[tuple[str, Path]], beside: Beside, screen: Console
) -> int:
    """Carry out runs in processes of their own; returns the exit code.

    Each computes with as many threads as it would alone, whatever its share of the cores: sums come out by the number
    of threads, not of cores.
    """
    import torch

    from mft_cli.compare_job import RunJob
    from mft_cli.compare_pool import side_by_side
    from mft_cli.compare_progress import RunsProgress
    from mft_core.support.threads import set_threads

    threads = set_threads()
    torch.cuda.empty_cache()  # what measuring the base model has left belongs to the runs now
    jobs = {
        run.label: RunJob(
            request,
            elsewhere,
            run.folder,
            beside.plugin_files,
            beside.opened,
            Path.cwd(),
            request.output / LOGS / f"{'-'.join(run.folder.relative_to(request.output).parts)}.events",
            threads,
        )
        for run in runs
    }
    start, at_a_time, where = _on_ray(beside, jobs) if beside.ray else _here(min(beside.jobs, len(runs)), jobs)
    log = request.output / LOG_FILE
    screen.print(f"[bold]{len(runs)} runs[/bold], at most {at_a_time} at a time, {where}; log: {log}")
    return side_by_side(runs, start, at_a_time, RunsProgress(screen, log, jobs))


def _here(at_a_time: int, jobs: Mapping[str, RunJob]) -> tuple[Start, int, str]:
    """How a run is started on this machine, how many at a time, and where they compute, in words."""
    from mft_cli.compare_pool import LocalWorker

    places = _places(at_a_time)

    def start(run: ArmRun, place: int) -> Worker:
        cores, device = places[place]
        return LocalWorker(replace(jobs[run.label], cores=cores, device=device))

    return start, at_a_time, _where(places, next(iter(jobs.values())).threads)


def _on_ray(beside: Beside, jobs: Mapping[str, RunJob]) -> tuple[Start, int, str]:
    """The same on a cluster, which decides itself how many it takes at a time, up to --jobs if that is given."""
    from mft_cli.compare_ray import RayRun, connect, resources_of_a_run

    assert beside.ray
    ray = connect(beside.ray)
    resources = resources_of_a_run(ray, next(iter(jobs.values())).threads)
    machines = sum(node["Alive"] for node in ray.nodes())

    def start(run: ArmRun, place: int) -> Worker:
        return RayRun(ray, jobs[run.label], resources)

    at_a_time = min(beside.jobs, len(jobs)) if beside.jobs > 1 else len(jobs)
    return start, at_a_time, f"on a Ray cluster of {units.counted(machines, 'machine')}"


def _places(jobs: int) -> list[tuple[tuple[int, ...], str]]:
    """(cores, CUDA device) of each place: one device where there are any, else an even share of the cores."""
    devices = cuda_devices(os.environ)
    if devices:
        return [((), devices[job % len(devices)]) for job in range(jobs)]
    if not hasattr(os, "sched_getaffinity"):
        return [((), "")] * jobs
    return [(cores, "") for cores in shares(sorted(os.sched_getaffinity(0)), jobs)]


def _where(places: Sequence[tuple[tuple[int, ...], str]], threads: int) -> str:
    devices = sorted({device for _, device in places if device})
    if devices:
        return f"on CUDA device{'s' * (len(devices) != 1)} {', '.join(devices)}"
    fewest = min(len(cores) for cores, _ in places)
    return f"{units.counted(threads, 'thread')} each" + (f" on {units.counted(fewest, 'core')}" if fewest else "")


def shares(cores: Sequence[int], jobs: int) -> list[tuple[int, ...]]:
    """An even share for each of so many jobs, neighbours together; where there are too few, one each, in turn."""
    count = len(cores)
    if jobs >= count:
        return [(cores[job % count],) for job in range(jobs)]
    return [tuple(cores[count * job // jobs : count * (job + 1) // jobs]) for job in range(jobs)]


def cuda_devices(environment: Mapping[str, str]) -> list[str]:
    """The CUDA devices that this process sees, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    count = torch.cuda.device_count()
    named = environment.get("CUDA_VISIBLE_DEVICES", "")
    return named.split(",")[:count] if named else [str(number) for number in range(count)]
