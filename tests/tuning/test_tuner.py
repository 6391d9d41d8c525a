"""What a tuner has without writing it: its trained parameters saved by name, and put back onto the base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoTokenizer, PreTrainedModel

from helpers.tiny_models import ADAPTERS, load_tiny
from mft_bases.tiny import TOKENIZER
from mft_core.errors import MftError, UsageError
from mft_core.interfaces import Tuner, TunerRequest
from mft_core.recipe.schema import TuneSection
from mft_core.testing.packed_texts import move_weights
from mft_core.tuning.fingerprint import model_fingerprint
from mft_core.tuning.finished import find_finished
from mft_core.tuning.preparing import prepare_for_tuning
from mft_core.tuning.saving import save_final


class Norms(Tuner):
    """The weights of the norms, in place."""

    def words(self) -> str:
        return "norms"

    def prepare(self, model: PreTrainedModel, request: TunerRequest) -> nn.Module:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.endswith("norm.weight"))
        return model


def saved(folder: Path) -> Any:
    model = prepare_for_tuning(load_tiny("llama", folder / "base"), Norms(), TunerRequest())
    move_weights(model)
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    save_final(model, tokenizer, folder / "run" / "final", Norms(), TuneSection(method="norms", sizes=3))
    return model


def test_what_is_trained_is_saved_alone_and_put_back(tmp_path: Path) -> None:
    model = saved(tmp_path)
    final = tmp_path / "run" / "final"
    record = json.loads((final / "mft.json").read_text())
    assert (record["form"], record["tune"]) == ("own", {"method": "norms", "noise": 0.0, "sizes": 3})
    assert record["base"] == str(tmp_path / "base")
    assert not list(final.glob("model*"))
    loaded = Norms().load(load_tiny("llama", tmp_path / "base"), final, TunerRequest())
    assert all(torch.equal(p, dict(model.named_parameters())[name]) for name, p in loaded.named_parameters())


def test_it_is_trained_further_from_where_it_was(tmp_path: Path) -> None:
    model = saved(tmp_path)
    other = prepare_for_tuning(load_tiny("llama", tmp_path / "base"), Norms(), TunerRequest())
    Norms().take_up(other, tmp_path / "run" / "final")
    for (name, parameter), twin in zip(model.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(parameter, twin), name
        assert parameter.requires_grad == twin.requires_grad


def test_files_that_do_not_fit_the_base_are_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    final = tmp_path / "run" / "final"
    narrow, shallow = (load_tiny("llama", tmp_path / "base") for _ in range(2))
    for module in narrow.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.weight = nn.Parameter(torch.ones(32))
    with pytest.raises(MftError, match=r"does not fit its base: model\.layers\.0.* is \[64\] there and \[32\] in"):
        Norms().load(narrow, final, TunerRequest())
    del shallow.model.layers[1]
    with pytest.raises(MftError, match="holds other parameters than are trained of this base"):
        Norms().load(shallow, final, TunerRequest())
    (final / "trained.safetensors").write_bytes(b"no")
    with pytest.raises(MftError, match="cannot be read"):
        Norms().load(load_tiny("llama", tmp_path / "base"), final, TunerRequest())


def test_what_it_does_not_say_is_refused_with_a_reason() -> None:
    with pytest.raises(MftError, match="What Norms trains cannot be merged"):
        Norms().merge(nn.Linear(1, 1))
    with pytest.raises(UsageError, match="LoRA adapters are combined, and this makes none"):
        Norms().check_combining()


def test_its_weights_its_base_and_its_options_are_what_identifies_a_result(tmp_path: Path) -> None:
    saved(tmp_path)
    run, final = tmp_path / "run", tmp_path / "run" / "final"
    before = model_fingerprint(run)
    (final / "README.md").write_text("another text")
    assert model_fingerprint(run) == before
    record = json.loads((final / "mft.json").read_text())
    (final / "mft.json").write_text(json.dumps({**record, "tune": {"method": "norms", "sizes": 4}}))
    assert model_fingerprint(run) != before


def test_it_is_not_opened_without_its_tuner(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(MftError, match="is loaded by the tuner 'norms' alone"):
        find_finished(tmp_path / "run", ADAPTERS.items())
