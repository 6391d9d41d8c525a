"""Names of components are looked up in the file that gives them."""

from __future__ import annotations

from typing import Any

import pytest

from mft_core.errors import UsageError
from mft_core.recipe.loading import load_recipe

WRONG = [
    ('[loss]\nname = "balancd"\n', "loss.name: There is no loss called 'balancd'", "balanced"),
    ('loss = "balancd"\n', "loss: There is no loss called 'balancd'", "balanced"),
    ('[model]\nadapter = "lama"\n', "model.adapter: There is no model called 'lama'", "llama"),
    ('[data]\npacker = "best-fitt"\n', "data.packer: There is no packer called", "best-fit"),
    ('[data]\nsource = {name = "foldr"}\n', "data.source.name: There is no source called", "folder"),
    ('[data]\ntokenization = "chatmll"\n', "data.tokenization: There is no tokenization called", "chatml"),
    ('[train]\ncallbacks = ["rport"]\n', "train.callbacks: There is no callback called", "report"),
    ('[[eval]]\nname = "humanevl"\n', "eval.name: There is no evaluator called", "humaneval"),
]


@pytest.mark.parametrize(("text", "said", "meant"), WRONG)
def test_the_file_and_the_key_are_named(write, catalog: Any, text: str, said: str, meant: str) -> None:
    path = write(text)
    with pytest.raises(UsageError) as error:
        load_recipe(path, components=catalog)
    assert error.value.message.startswith(f"{path}: {said}")
    assert f"Did you mean {meant!r}?" in error.value.hint


def test_the_command_line_is_a_place_too(catalog: Any) -> None:
    with pytest.raises(UsageError, match=r"the command line: loss: There is no loss called 'famoo'"):
        load_recipe(None, [("loss", "famoo")], components=catalog)


def test_options_without_a_name_and_what_is_left_open_are_no_names(write, catalog: Any) -> None:
    text = '[loss]\nsamples = "tokens"\n[data]\nsource = "auto"\n[train]\ncallbacks = ["report"]\n'
    assert load_recipe(write(text), components=catalog).data.source.name == "auto"
