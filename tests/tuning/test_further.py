"""An adapter is taken up as it was, or refused with what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.finished_runs import finished, logits
from helpers.tiny_models import load_tiny
from mft_core.errors import MftError, UsageError
from mft_core.testing.tuned_models import tuned_model, tuner_of
from mft_core.tuning.further import take_up_adapter


def fresh(folder: Path, **options: Any) -> Any:
    return tuned_model(load_tiny("llama", folder / "base", torch.float32), seed=7, **{"rank": 4, **options})


def test_it_computes_what_it_did_and_is_trained(tmp_path: Path) -> None:
    expected = logits(finished("llama", "lora", tmp_path / "base", tmp_path / "run"))
    model = fresh(tmp_path, dropout=0.3, init="gaussian")
    assert not torch.equal(logits(model), expected)
    take_up_adapter(model, tmp_path / "run" / "final")
    assert torch.equal(logits(model), expected)
    assert all(parameter.requires_grad for name, parameter in model.named_parameters() if ".lora_" in name)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"rank": 8}, r"\n  r: 4 -> 8"),
        ({"alpha": 3.0}, r"\n  lora_alpha: 32\.0 -> 3\.0"),
        ({"rslora": True, "dora": True}, r"\n  use_dora: False -> True\n  use_rslora: False -> True"),
    ],
    ids=str,
)
def test_other_options_are_refused_by_their_names(options: dict[str, Any], reason: str, tmp_path: Path) -> None:
    finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    with pytest.raises(UsageError, match=rf"was made with other options:.*{reason}"):
        take_up_adapter(fresh(tmp_path, **options), tmp_path / "run" / "final")


def test_other_modules_and_damaged_files_are_refused(tmp_path: Path) -> None:
    finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    final = tmp_path / "run" / "final"
    with pytest.raises(MftError, match=r"only the adapter has base_model\.model\.model\.layers\.0\.mlp\.down_proj"):
        take_up_adapter(fresh(tmp_path, targets=["q_proj"]), final)
    (final / "adapter_model.safetensors").write_bytes(b"no")
    with pytest.raises(MftError, match="cannot be read"):
        take_up_adapter(fresh(tmp_path), final)


def test_what_was_made_of_the_base_is_not_beside_it(tmp_path: Path) -> None:
    finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    with pytest.raises(UsageError, match="'pissa' changes the base"):
        tuner_of(rank=4, init="pissa").take_up(fresh(tmp_path, init="pissa"), tmp_path / "run" / "final")
