"""A rank that is slow all the time is told of, once, and one that only has more to do is not."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
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
STEPS, BUCKETS = 6, 2
"""In all, and until DDP has sorted its buckets, for which ranks wait once in the second forward."""


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


def train_with_a_slow_rank(run: Path, slow: int) -> None:
    """That one takes longer for every forward; windows are a log interval each, and every rank writes who was slow.

    The steps are of one epoch: each rank has as many rows in each of them.
    """
    rank_pace.WINDOW = 0.0
    trainer = make_trainer(run, Balanced(LossOptions()), random_table([64, 64]), steps=STEPS, save_every=0)
    rank = trainer.accelerator.process_index
    trainer.model.register_forward_pre_hook(lambda *_: time.sleep(0.5 if rank == slow else 0.1))
    judge = rank_pace.slow_ranks

    def noted(told: Sequence[Told]) -> dict[int, float]:
        found = judge(told)
        with (run / f"of {rank}").open("a") as stream:
            stream.write(f"{sorted(found)}\n")
        return found

    rank_pace.slow_ranks = noted
    trainer.run()


@pytest.mark.slow
@pytest.mark.parametrize("slow", [0, 1])
def test_a_run_tells_once_which_rank_is_slow_and_where_it_is(tmp_path: Path, slow: int) -> None:
    """Though it is slow all the time, and whichever it is."""
    run_to_its_end(partial(run_on_ranks, 2, partial(train_with_a_slow_rank, tmp_path, slow)))
    for rank in (0, 1):
        assert (tmp_path / f"of {rank}").read_text().splitlines()[BUCKETS:] == [f"[{slow}]"] * (STEPS - BUCKETS)
    (warning,) = events(tmp_path, "warning")
    assert warning["step"] == BUCKETS + 2, "one window may be a chance"
    assert f"rank {slow} of 2 is slow" in warning["message"]
    assert f"on {socket.gethostname()} computes" in warning["message"]


def test_who_is_slow_is_told_of_once_and_whoever_becomes_so_later_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of three ranks, as they are gathered."""
    monkeypatch.setattr(rank_pace, "WINDOW", 0.0)
    pace, said = RankPace(nn.Linear(1, 1), CPU), []
    for second, third in ((1, 9), (1, 9), (1, 9), (9, 9), (9, 1), (9, 1), (1, 9), (1, 9)):
        seconds = [1.0, float(second), float(third), 1.0, 1.0]
        monkeypatch.setattr(rank_pace, "gather", lambda _, seconds=seconds: [told(each) for each in seconds])
        said.append(pace.warning().split(" is")[0])
    assert said == ["", "rank 2 of 5", "", "", "rank 1 of 5", "", "", ""]
