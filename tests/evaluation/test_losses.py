"""Losses of a model per task and per sample: the same however they are batched."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mft_core.batching.collate import collate
from mft_core.nn.token_losses import TokenLossModel
from mft_core.records import TaskLosses
from mft_core.testing.contexts import AllTogether, evaluation_context
from mft_core.testing.samples import random_table
from mft_packing.best_fit import BestFit
from mft_packing.padding import Pad

NAMES = ("a", "b", "c")
TABLE = random_table([5, 0, 4])


@torch.no_grad()
def by_hand(model: TokenLossModel) -> TaskLosses:
    """Sample by sample."""
    total = TaskLosses.zeros(3)
    for index, task in enumerate(TABLE.task):
        values = model(collate([np.array([index])], TABLE)).cross_entropy.double()
        total.token_sum[task] += float(values.sum())
        total.tokens[task] += len(values)
        total.sample_sum[task] += float(values.mean())
        total.samples[task] += 1
        total.probability_sum[task] += float(torch.exp(-values).mean())
    return total


@pytest.mark.parametrize("packer", [Pad, BestFit, AllTogether])
@pytest.mark.parametrize("micro", [1, 3])
def test_they_do_not_depend_on_batches(model: TokenLossModel, packer: type, micro: int) -> None:
    context = evaluation_context(model, TABLE, NAMES, packer(), micro)
    expected = by_hand(model)
    found = context.losses()
    for name in TaskLosses.dtypes():
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12)
    sums, tokens = context.sample_losses()
    assert tokens.tolist() == TABLE.supervised.tolist()
    assert np.bincount(TABLE.task, sums, minlength=3) == pytest.approx(expected.token_sum, rel=1e-12)


def test_some_samples_alone(model: TokenLossModel) -> None:
    context = evaluation_context(model, TABLE, NAMES)
    chosen = np.array([7, 1])
    found = context.losses(chosen)
    sums, _ = context.sample_losses()
    assert found.samples.tolist() == [1, 0, 1]
    assert found.token_sum == pytest.approx([sums[1], 0.0, sums[7]], rel=1e-12)


def test_tokens_count_as_often_as_they_weigh_whatever_the_batches(model: TokenLossModel) -> None:
    table = random_table([5, 0, 4], weighted=True)
    alone = [evaluation_context(model, table, NAMES).losses(np.array([index])) for index in range(len(table))]
    expected = sum(alone[1:], alone[0])
    for packer, micro in ((Pad, 1), (BestFit, 3), (AllTogether, 1)):
        context = evaluation_context(model, table, NAMES, packer(), micro)
        found = context.losses()
        assert found.as_json().keys() == expected.as_json().keys() >= {"weighted_tokens", "weighted_samples"}
        for name in found.as_json():
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12)
        sums, tokens = context.sample_losses()
        assert np.bincount(table.task, sums, minlength=3) == pytest.approx(found.token_sum, rel=1e-12)
        assert tokens.tolist() == np.asarray(table.weight_sums).tolist()
    assert found.tokens.tolist() == np.bincount(table.task, table.supervised, minlength=3).tolist()
    assert found.weighted_tokens is not None
    assert found.weighted_tokens[0] == pytest.approx(np.asarray(table.weight_sums)[:5].sum(), rel=1e-12)


def test_the_model_is_as_before(model: TokenLossModel) -> None:
    model.train()
    context = evaluation_context(model, TABLE, NAMES)
    context.losses()
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    model.eval()
