"""Tokenizations that fail, or end or stop the process they work in.

In a file of their own: a worker imports it to build one, and beside the conformance kits it would import torch.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import time

from mft_core.records import Record, Sample
from mft_tokenization.tokenizations import MftCoder


class Killed(MftCoder):
    """Ends its process without a word, as the kernel does where memory runs out."""

    def encode(self, record: Record) -> Sample:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(record)


class KilledInWorkers(MftCoder):
    """Ends its process where that is a worker; the main process is at work until it is gone."""

    def encode(self, record: Record) -> Sample:
        if multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        while multiprocessing.active_children():
            time.sleep(0.01)
        return super().encode(record)


class Stopping(MftCoder):
    """Its process is stopped while it works."""

    def encode(self, record: Record) -> Sample:
        os.kill(os.getpid(), signal.SIGSTOP)
        return super().encode(record)


class StoppedForAWhile(MftCoder):
    """Its process is stopped, and goes on seconds later."""

    def encode(self, record: Record) -> Sample:
        if record.turns[0].content.endswith(" 7"):
            subprocess.Popen(["sh", "-c", f"sleep 3; kill -CONT {os.getpid()}"])
            os.kill(os.getpid(), signal.SIGSTOP)
        return super().encode(record)


class FaultyLater(MftCoder):
    """Has a fault that not every record meets."""

    def encode(self, record: Record) -> Sample:
        if record.turns[0].content == "question 77":
            raise KeyError("oops")
        return super().encode(record)
