"""Every kind of causal language model that the installed transformers has, each tried in a process of its own.

The processes are forked from one that has imported everything and computed nothing: imports take longer than a trial.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import UsageError
from mft_core.run.model_trial import TrialResult, try_model
from mft_core.support.suggestions import did_you_mean

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

    from mft_core.registry.workspace import Workspace

SECONDS = 120
"""Of processor time. A trial takes one or two; some architectures step through a text token by token."""
PATIENCE = 10
"""Times that, by the clock: a trial may wait for a busy machine, but not for ever."""
BETWEEN = 0.5
SECONDS_TO_END = 5
MEMORY_BYTES = 6 << 30
"""Of address space, beyond what the imported libraries take."""


def surveyed(only: Iterable[str] = ()) -> tuple[str, ...]:
    """The model types to try, in the order of the alphabet.

    Args:
        only: these; none: all that transformers has a causal language model for.

    Raises:
        UsageError: transformers knows no such type.
    """
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    for name in only:
        if name not in CONFIG_MAPPING:
            known = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
            raise UsageError(f"transformers has no model type {name!r}.", did_you_mean(name, known))
    return tuple(sorted(only or MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))


def survey(
    model_types: Iterable[str], workspace: Workspace, files: Iterable[Path] = (), seconds: float = SECONDS
) -> Iterator[TrialResult]:
    """What becomes of each, as soon as it is known. One that hangs, swells or crashes ends nothing but its own trial.

    Args:
        model_types: from `surveyed`.
        workspace: whose plugins may have families for them.
        files: single-file plugins beside these.
        seconds: of processor time that one may take; `PATIENCE` times that by the clock.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([try_model.__module__])
    for model_type in model_types:
        yield _tried(context, model_type, workspace, tuple(files), seconds)


def _tried(
    context: ForkServerContext, model_type: str, workspace: Workspace, files: tuple[Path, ...], seconds: float
) -> TrialResult:
    receiving, sending = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="mft-trial-") as folder:
        process = context.Process(target=_try_in_child, args=(sending, model_type, workspace, files, Path(folder)))
        process.start()
        sending.close()
        try:
            if not answers_within(process.pid, receiving, seconds):
                process.kill()
                return TrialResult(model_type, "", "failed", f"it takes more than {seconds:g} seconds")
            result: TrialResult = receiving.recv()
            return result
        except EOFError:
            process.join()
            return TrialResult(model_type, "", "failed", f"its process ended with status {process.exitcode}")
        finally:
            process.join(SECONDS_TO_END)
            process.kill()
            process.join()
            receiving.close()


def answers_within(process: int | None, receiving: Connection, seconds: float) -> bool:
    """Whether a process sends something, or ends, before it has taken so many seconds of processor time, or `PATIENCE`
    times as many by the clock.
    """
    import psutil

    end = time.monotonic() + PATIENCE * seconds
    while not receiving.poll(min(BETWEEN, seconds)):
        used = 0.0
        with suppress(psutil.NoSuchProcess):
            used = sum(psutil.Process(process).cpu_times()[:2])
        if used > seconds or time.monotonic() > end:
            return False
    return True


def _try_in_child(
    sending: Connection, model_type: str, workspace: Workspace, files: tuple[Path, ...], folder: Path
) -> None:
    """The one trial of a forked process, whose output nobody reads."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    _limit_memory()
    import logging
    import warnings

    import torch

    from mft_core.models.recognition import model_adapters
    from mft_core.recipe.schema import TuneSection
    from mft_core.registry.discovery import discover
    from mft_core.tuning.preparing import build_tuner

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    catalog = discover(workspace, files).catalog
    tuner = build_tuner(TuneSection(rank=4, dropout=0.0), catalog)
    try:
        result = try_model(model_type, model_adapters(catalog), tuner, folder)
    except MemoryError:
        result = TrialResult(model_type, "", "failed", f"it takes more than {MEMORY_BYTES >> 30} GiB of memory")
    sending.send(result)
    sending.close()


def _limit_memory() -> None:
    import psutil

    taken = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY_BYTES, taken + MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
