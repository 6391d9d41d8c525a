"""What is suggested for a key that there is not."""

from __future__ import annotations

import pytest

from helpers.paths import REPOSITORY
from mft_core.recipe.unknown_keys import OTHER_WORDS, recipe_keys, suggest_key

TUNERS = ("rank", "alpha", "dropout", "targets", "dora")
OURS = 4
"""So many of the words are our flags'."""


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("model.name", "model.adapter"),
        ("model.model", "model.adapter"),
        ("model.bsae", "model.base"),
        ("train.lerning_rate", "train.learning_rate"),
        ("train.max_length", "data.max_length"),
        ("tune.lora_r", "tune.rank"),
        ("tune.lora_alpha", "tune.alpha"),
        ("tune.lora_dropout", "tune.dropout"),
        ("model.model_name_or_path", "model.base"),
        ("model_name_or_path", "model.base"),
        ("output_dir", "output.dir"),
        ("train.output_dir", "output.dir"),
        ("steps", "train.steps"),
        ("base", "model.base"),
        ("packer", "data.packer"),
        ("learning_rte", "train.learning_rate"),
        ("trian", "train"),
        ("data.tasks.0.trian", "data.tasks.train"),
    ],
)
def test_the_key_that_is_meant(key: str, meant: str) -> None:
    assert suggest_key(key, TUNERS) == f"did you mean {meant!r}?"


def test_no_word_of_another_section_stands_for_one_that_is_like_none() -> None:
    assert suggest_key("tune.name", TUNERS).startswith("[tune] has: method, noise, rank, alpha")
    assert suggest_key("zzz") == "`mft init` lists every key"


def test_the_docs_have_the_words_of_other_tools() -> None:
    text = (REPOSITORY / "docs" / "training.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for word, key in list(OTHER_WORDS.items())[OURS:]:
        assert any(f"`{word}`" in row and f"`{key}`" in row for row in rows), word


def test_other_words_lead_to_keys_and_are_none() -> None:
    known = recipe_keys(TUNERS)
    assert set(OTHER_WORDS.values()) <= set(known)
    assert not {word for word in OTHER_WORDS if word in known} - {"model", "data", "output"}
