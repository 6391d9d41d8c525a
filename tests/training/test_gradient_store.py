"""Inner products of many gradients: exact where they fit, else from sketches whose error is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mft_core.training.gradient_store import (
    LEAST_WIDTH,
    MEMORY,
    MOST_WIDTH,
    SketchedGradients,
    WholeGradients,
    gradient_store,
    sketch_width,
)

SHAPES = [(40, 50), (), (3, 7, 11), (2500,)]


def random_gradients(count: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> list[list[torch.Tensor]]:
    """With a part in common, so that they are neither parallel nor orthogonal."""
    generator = torch.Generator().manual_seed(seed)
    common = [torch.randn(shape, generator=generator, dtype=dtype) for shape in SHAPES]
    return [
        [part * scale + torch.randn(part.shape, generator=generator, dtype=dtype) for part in common]
        for scale in np.linspace(-1, 1, count)
    ]


def flat(parts: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([part.flatten() for part in parts]).to(torch.float64)


def test_whole_gradients_give_their_inner_products(monkeypatch) -> None:
    monkeypatch.setattr("mft_core.training.gradient_store.GRAMIAN_MEMORY", 1000)  # a few elements at a time
    gradients = random_gradients(4)
    store = WholeGradients(5)
    for number, parts in zip((0, 1, 2, 4), gradients, strict=True):
        store.put(number, parts)
    stacked = torch.stack([flat(parts) for parts in gradients])
    found = store.gramian()
    assert torch.allclose(found[[0, 1, 2, 4]][:, [0, 1, 2, 4]], stacked @ stacked.T, rtol=1e-12)
    assert not found[3].any(), "what was not put is 0"
    assert torch.equal(found, found.T)


def test_a_gradient_that_was_put_does_not_change_with_what_it_was_taken_from() -> None:
    store, parts = WholeGradients(1), [torch.ones(3)]
    store.put(0, parts)
    parts[0].zero_()
    assert store.gramian().item() == 3


def test_parts_of_a_sketch_wider_than_the_gradient_are_exact() -> None:
    store = SketchedGradients(2, 2**14, seed=0)
    one, other = torch.randn(9000, dtype=torch.float64), torch.randn(9000, dtype=torch.float64)
    store.put(0, [one])
    store.put(1, [other])
    assert torch.allclose(store.gramian(), torch.stack([one, other]) @ torch.stack([one, other]).T, rtol=1e-10)


def test_a_sketch_is_right_on_average_and_errs_as_little_as_it_says() -> None:
    width, gradients = 256, random_gradients(3)
    stacked = torch.stack([flat(parts) for parts in gradients])
    exact = stacked @ stacked.T
    lengths = exact.diagonal().sqrt()
    errors = []
    for seed in range(200):
        store = SketchedGradients(3, width, seed)
        for number, parts in enumerate(gradients):
            store.put(number, parts)
        errors.append((store.gramian() - exact) / torch.outer(lengths, lengths))
    error = torch.stack(errors)
    allowed = (2 / width) ** 0.5
    assert (error.mean(dim=0).abs() < 4 * allowed / 200**0.5).all()
    assert (error.pow(2).mean(dim=0).sqrt() < 1.15 * allowed).all()
    assert (error.pow(2).mean(dim=0).sqrt() > 0.3 * allowed).all(), "an error that is not there is not tested"


def test_a_sketch_is_a_function_of_the_gradient_and_the_seed() -> None:
    (parts,) = random_gradients(1)
    made = []
    for seed in (3, 3, 4):
        store = SketchedGradients(2, 64, seed)
        store.put(0, parts)
        store.put(1, [part.clone() for part in parts])
        made.append(store.gramian())
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert made[0][0, 0] == made[0][0, 1], "every gradient has the same signs and places"


@pytest.mark.parametrize(
    ("gradients", "elements", "kind"),
    [
        (5, 10_000, WholeGradients),
        (6, 40_000_000, WholeGradients),
        (100, 40_000_000, SketchedGradients),
    ],
)
def test_what_does_not_fit_is_sketched(gradients: int, elements: int, kind: type) -> None:
    assert isinstance(gradient_store(gradients, elements, 4, seed=0), kind)


@pytest.mark.parametrize(("gradients", "width"), [(100, MOST_WIDTH), (1000, 2**17), (100_000, LEAST_WIDTH)])
def test_sketches_are_as_wide_as_memory_allows(gradients: int, width: int) -> None:
    assert sketch_width(gradients) == width
    if width > LEAST_WIDTH:
        assert gradients * width * 8 <= MEMORY
