"""Trials in processes of their own: all are made, whatever becomes of one."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import pytest

from mft_core.errors import UsageError
from mft_core.registry.workspace import Workspace
from mft_core.run.model_survey import answers_within, survey, surveyed


def test_all_causal_language_models_are_surveyed_or_those_asked_for() -> None:
    every = surveyed()
    assert {"gpt2", "llama", "bloom", "mamba"} < set(every)
    assert list(every) == sorted(every)
    assert surveyed(["olmo2", "gpt2"]) == ("gpt2", "olmo2")
    with pytest.raises(UsageError, match="no model type 'olmo22'") as caught:
        surveyed(["olmo22"])
    assert "olmo2" in caught.value.hint


@pytest.mark.slow
def test_one_that_takes_too_long_ends_nothing_else() -> None:
    (late,) = survey(["gpt2"], Workspace(), seconds=0.01)
    assert (late.result, late.reason) == ("failed", "it takes more than 0.01 seconds")
    results = list(survey(["gpt2", "bloom"], Workspace()))
    assert [(each.model_type, each.result) for each in results] == [("gpt2", "packed"), ("bloom", "padded")]


def waits(connection: Connection) -> None:
    time.sleep(2)
    connection.send("done")


def computes(connection: Connection) -> None:
    while True:
        pass


@pytest.mark.parametrize(("work", "answers"), [(waits, True), (computes, False)])
def test_processor_time_counts_and_not_how_busy_the_machine_is(
    work: Callable[[Connection], None], answers: bool
) -> None:
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(sending,))
    process.start()
    try:
        assert answers_within(process.pid, receiving, 1.0) is answers
    finally:
        process.kill()
        process.join()


CRASHING = """
import os

from mft_core.hookspecs import Component, hookimpl
from mft_core.interfaces import ModelAdapter

@hookimpl
def mft_models():
    return [Component("crash", "crash_plugin:Crash", "ends the process")]

class Crash(ModelAdapter):
    native_types = ("olmo2",)

    def check_supported(self, config):
        os.abort()
"""


@pytest.mark.slow
def test_one_that_crashes_is_named_and_a_plugins_family_is_asked(tmp_path) -> None:
    path = tmp_path / "crash_plugin.py"
    path.write_text(CRASHING, encoding="utf-8")
    crashed, fine = survey(["olmo2", "gpt2"], Workspace(), [path])
    assert (crashed.model_type, crashed.result) == ("olmo2", "failed")
    assert "ended with status -6" in crashed.reason
    assert fine.result == "packed"
