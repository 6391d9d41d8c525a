"""What a loss asks for is measured, and what is to be said of it becomes events."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from helpers.gradient_losses import GradientRecorder
from helpers.small_trainer import make_trainer
from mft_core.events import read_events
from mft_core.interfaces import GradientOptions
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table, table_counts
from mft_core.training.gradient_probe import GradientProbe
from mft_core.training.probe import Probe
from mft_core.training.probes import make_probe
from mft_losses.balanced import Balanced
from mft_losses.famo import Famo


class Talker(GradientRecorder):
    """Has something to say of each measurement."""

    def remarks(self) -> list[str]:
        return [f"measurement {len(self.seen)}"]


def started(loss, table):
    loss.start(table_counts(table))
    return loss


@pytest.mark.parametrize(("loss", "kind"), [(Balanced(), type(None)), (Famo(), Probe), (Talker(), GradientProbe)])
def test_a_loss_gets_the_probe_that_it_asks_for(loss, kind: type) -> None:
    table = random_table([3, 4])
    context = evaluation_context(random_token_loss_model(), table, ("task0", "task1"))
    assert type(make_probe(started(loss, table), context, context, 0, print)) is kind


def test_tasks_whose_gradients_are_lost_are_named_and_remarks_are_warnings_of_the_run(tmp_path) -> None:
    loss = Talker(GradientOptions(every=1))
    trainer = make_trainer(tmp_path, loss, random_table([2, 9, 5]), steps=2)
    weight = trainer.model.model.get_input_embeddings().weight
    calls = []

    def spoil(gradient: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return gradient * float("nan") if len(calls) == 2 else gradient  # task 1's, on training samples

    weight.register_hook(spoil)
    trainer.run()
    warnings = [event for event in read_events(trainer.log.path) if event["event"] == "warning"]
    texts = [(event["step"], event["message"]) for event in warnings]
    assert texts[0][0] == 0
    assert "not finite" in texts[0][1]
    assert "'task1'" in texts[0][1]
    assert texts[1:] == [(0, "loss: measurement 1"), (1, "loss: measurement 2"), (2, "loss: measurement 3")]
    assert loss.seen[0].present.tolist() == [True, False, True]
    assert replace(loss.seen[1]).present.all()
