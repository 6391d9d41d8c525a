"""The first signal is remembered, the second one ends the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from mft_core.training.interruption import Interruption


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_has_its_exit_code_and_what_was_there_comes_back(number: signal.Signals, code: int) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    with Interruption() as interruption:
        assert interruption.exit_code == 0
        os.kill(os.getpid(), number)
        assert (interruption.signal, interruption.exit_code) == (number, code)
    assert {each: signal.getsignal(each) for each in before} == before


def test_a_second_signal_ends_at_once() -> None:
    code = (
        "import os, signal\nfrom mft_core.training.interruption import Interruption\n"
        "with Interruption():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n    print('went on', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n    print('too far', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "went on\n")
