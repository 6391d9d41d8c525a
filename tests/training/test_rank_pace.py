"""A rank that is slow all the time is told of, once, and one that only has more to do is not."""

from __future__ import annotations

import socket
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from helpers.forked_processes import run_to_its_end
from helpers.forked_ranks import run_on_ranks
from helpers.running import events
from helpers.small_trainer import make_trainer
from mft_core.interfaces import LossOptions
from mft_core.testing.samples import random_table
from mft_core.training import rank_pace
from mft_core.training.rank_pace import RankPace, Told, slow_ranks
from mft_losses.balanced import Balanced

CPU = torch.device("cpu")


def told(seconds: float, tokens: int = 1000) -> Told:
    return Told(seconds, tokens, "host", 1)


def test_who_takes_longer_for_a_token_is_slow() -> None:
    assert slow_ranks([told(1.0), told(2.0)]) == {1: pytest.approx(2.0)}
    assert slow_ranks([told(1.0), told(1.4)]) == {}
    assert slow_ranks([told(1.0), told(3.0, 3000)]) == {}, "it has as many times the tokens"
    assert slow_ranks([told(1.0), told(5.0), told(1.1), told(0.9)]) == {1: pytest.approx(5.0)}
    assert slow_ranks([told(1.0), told(0.0, 0)]) == {}, "it had nothing to do"


def test_one_process_is_not_slow() -> None:
    pace = RankPace(nn.Linear(1, 1), CPU)
    with pace.forward(8):
        pass
    assert pace.warning() == ""


def train_with_a_slow_rank(run: Path) -> None:
    """The second one takes longer for every forward; windows are a log interval each."""
    rank_pace.WINDOW = 0.0
    trainer = make_trainer(run, Balanced(LossOptions()), random_table([8, 8]), steps=5, save_every=0)
    seconds = 0.1 if trainer.accelerator.process_index == 0 else 0.5
    trainer.model.register_forward_pre_hook(lambda *_: time.sleep(seconds))
    trainer.run()


@pytest.mark.slow
def test_a_run_tells_once_which_rank_is_slow_and_where_it_is(tmp_path: Path) -> None:
    run_to_its_end(partial(run_on_ranks, 2, partial(train_with_a_slow_rank, tmp_path)))
    (warning,) = events(tmp_path, "warning")
    assert warning["step"] == 2, "the first window may be a chance"
    assert "rank 1 of 2 is slow" in warning["message"]
    assert f"on {socket.gethostname()} computes" in warning["message"]
