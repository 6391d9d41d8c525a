"""Noise on embeddings: as large as the paper says for each document, in training alone, drawn as dropout is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from helpers.finished_runs import interrupted
from helpers.running import arguments, events, largest_difference, mft, settings, weights, write_tasks
from mft_core.batching.collate import collate
from mft_core.errors import MftError
from mft_core.nn.embedding_noise import EmbeddingNoise, document_lengths
from mft_core.nn.token_losses import TokenLossModel
from mft_core.records import Batch
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table

ALPHA, WIDTH = 5.0, 48


def packed() -> Batch:
    """Two rows: samples of 9 and of 4 tokens in one, one of 6 in the other."""
    return collate([[0, 1], [2]], random_table([9, 4, 6]))


def noise_of(batch: Batch, embeddings: nn.Embedding, noise: EmbeddingNoise) -> torch.Tensor:
    plain = embeddings(batch.input_ids)
    with noise.on(batch):
        return embeddings(batch.input_ids) - plain


def test_every_documents_noise_is_bounded_by_its_own_length() -> None:
    batch, embeddings = packed(), nn.Embedding(1000, WIDTH).double()
    noise = EmbeddingNoise(embeddings, ALPHA)
    torch.manual_seed(0)
    drawn = torch.stack([noise_of(batch, embeddings, noise) for _ in range(200)])
    for row, start, end in batch.documents:
        assert document_lengths(batch)[row, start:end].unique().tolist() == [end - start]
        largest = drawn[:, row, start:end].abs().max()
        bound = ALPHA / ((end - start) * WIDTH) ** 0.5
        assert 0.99 * bound < largest <= bound * (1 + 1e-9)
        assert drawn[:, row, start:end].mean().abs() < 0.05 * bound
    assert torch.equal(embeddings(batch.input_ids), embeddings(batch.input_ids)), "outside the block there is none"


def test_it_is_drawn_from_the_process_random_numbers() -> None:
    batch, embeddings = packed(), nn.Embedding(1000, WIDTH)
    noise = EmbeddingNoise(embeddings, ALPHA)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(noise_of(batch, embeddings, noise))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_rows_that_a_model_makes_otherwise_are_refused() -> None:
    batch, embeddings = packed(), nn.Embedding(1000, WIDTH)
    noise = EmbeddingNoise(embeddings, ALPHA)
    with noise.on(batch), pytest.raises(MftError, match="its embeddings get no noise"):
        embeddings(batch.input_ids[:, 1:])
    with pytest.raises(MftError, match="does not say which"):
        EmbeddingNoise(None, ALPHA)


def test_losses_have_it_in_training_and_nowhere_else() -> None:
    model, batch = random_token_loss_model().model, packed()
    plain, noisy = TokenLossModel(model), TokenLossModel(model, noise=ALPHA)
    expected = plain.eval()(batch).cross_entropy
    assert torch.equal(noisy.eval()(batch).cross_entropy, expected)
    assert torch.equal(plain.train()(batch).cross_entropy, expected)
    assert not torch.equal(noisy.train()(batch).cross_entropy, expected)


@pytest.mark.slow
def test_a_run_with_it_resumes_bit_by_bit_and_is_another_run(tmp_path: Path) -> None:
    data = write_tasks(tmp_path / "data", {"add": 12, "copy": 4})
    common = ("--steps", "4", *settings("train.save_every=2", "tune.rank=4", "train.gradient_checkpointing=true"))
    noisy = settings("tune.noise=5")
    assert mft(*arguments(data, tmp_path / "whole", *common, *noisy)) == 0
    assert mft(*arguments(data, tmp_path / "plain", *common)) == 0
    assert largest_difference(weights(tmp_path / "whole"), weights(tmp_path / "plain")) > 0
    before = [events(tmp_path / name, "eval")[0]["loss"] for name in ("whole", "plain")]
    assert before[0] == before[1], "nothing is measured with it"
    resumed = interrupted(tmp_path / "whole", tmp_path / "resumed")
    assert mft("run", "--resume", "--output", str(resumed)) == 0
    assert largest_difference(weights(resumed), weights(tmp_path / "whole")) == 0
