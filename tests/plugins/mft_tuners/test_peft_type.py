"""Kinds of adapters that PEFT has and mft knows nothing about: exact, or refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

from helpers.finished_runs import interrupted
from helpers.running import arguments, events, largest_difference, mft, settings, start_mft, weights, write_tasks
from helpers.tiny_models import load_tiny
from mft_core.errors import UsageError
from mft_core.recipe.schema import Recipe
from mft_core.testing import TunerTests
from mft_core.testing.random_models import write_random_checkpoint
from mft_core.testing.tuned_models import tuned_model, tuner_of
from mft_tuners.peft_type import REFUSED, PeftType

SIZES: dict[str, dict[str, Any]] = {
    "C3A": {"block_size": 16},
    "FOURIERFT": {"n_frequency": 100},
    "OFT": {"oft_block_size": 16, "r": 0},
    "ROAD": {"group_size": 32},
    "VBLORA": {"vector_length": 16},
    "WAVEFT": {"n_frequency": 64},
}
"""What the kinds need for widths of 64 and 32."""
PROMPTS = {"PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "CPT", "CARTRIDGE"}
WITH_MORE_PACKAGES = {"ADAMSS"}
BOFT = "BOFT"
"""Tries to build an extension when it is made, for which torch imports what other tests of a process must not have."""
KINDS = sorted(
    {str(kind.value) for kind in PEFT_TYPE_TO_CONFIG_MAPPING} - PROMPTS - REFUSED.keys() - WITH_MORE_PACKAGES - {BOFT}
)


def kit(kind: str) -> TunerTests:
    case = type(
        f"Test{kind}", (TunerTests,), {"component": PeftType, "options": {"type": kind, "options": SIZES.get(kind, {})}}
    )
    return case()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_is_let_through_is_packed_and_saved_exactly(kind: str, tmp_path: Path) -> None:
    tests = kit(kind)
    checkpoint = write_random_checkpoint(tests.config(), tmp_path / "base")
    tests.test_packed_documents_are_as_if_alone(checkpoint)
    tests.test_its_skeleton_has_the_shapes_of_the_model(checkpoint)
    tests.test_it_is_saved_and_loads_again_bit_by_bit(checkpoint, tmp_path)


@pytest.mark.parametrize(
    ("settings", "reason", "hint"),
    [
        ({"type": "IA4"}, "PEFT has no 'IA4'", "IA3"),
        ({"type": "prefix_tuning"}, "packed rows hold many texts", "another kind"),
        ({"type": "LORA"}, "tune.method = lora", "another kind"),
        ({"type": "ADALORA"}, "between steps", "another kind"),
        ({"type": "LILY"}, "would see each other", "another kind"),
        ({"type": "LOKR", "options": {"rr": 4}}, "LOKR of PEFT has no 'rr'", "r"),
        ({"type": "LOKR", "options": {"task_type": "X"}}, "has no 'task_type'", ""),
        ({"type": "LOKR", "options": {"target_modules": ["q_proj"]}}, "named by tune.targets", ""),
        ({"type": "PVERA", "options": {"generator_seed": 3}}, "a resumed run would draw", "Leave it out"),
        ({"type": "OFT", "options": {"r": 3, "oft_block_size": 4}}, "do not go together for OFT", ""),
    ],
    ids=str,
)
def test_what_would_not_be_exact_is_refused_before_anything_is_loaded(
    settings: dict[str, Any], reason: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        tuner_of(method="peft", **settings).check(Recipe())
    assert hint in caught.value.hint


def test_it_stands_beside_the_modules_that_are_named(tmp_path: Path) -> None:
    tuned = tuned_model(load_tiny("llama", tmp_path), method="peft", type="lokr", targets=["q_proj"], options={"r": 2})
    names = [name for name, parameter in tuned.named_parameters() if parameter.requires_grad]
    assert names
    assert all(".q_proj.lokr_" in name for name in names)
    assert tuner_of(method="peft", type="lokr", options={"r": 2}).words() == "LOKR (r 2), all-linear"


def test_what_peft_says_of_a_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"PEFT cannot put C3A \(block_size 48\), all-linear on this model: "):
        tuned_model(load_tiny("llama", tmp_path), method="peft", type="C3A", options={"block_size": 48})


@pytest.mark.slow
def test_a_run_resumes_bit_by_bit_and_is_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_tasks(tmp_path / "data", {"add": 12, "copy": 4})
    vera = settings("tune.method=peft", "tune.type=VERA", "tune.options={r = 8}", "train.save_every=2")
    command = ("--steps", "4", *vera, "--set", "train.learning_rate=0.01")
    assert mft(*arguments(data, tmp_path / "whole", *command)) == 0, capsys.readouterr().err
    first, *_, last = (event["loss"] for event in events(tmp_path / "whole", "eval"))
    assert last < first
    resumed = interrupted(tmp_path / "whole", tmp_path / "resumed")
    assert mft("run", "--resume", "--output", str(resumed)) == 0
    assert largest_difference(weights(resumed), weights(tmp_path / "whole")) == 0
    assert mft("export", str(resumed), "--output", str(tmp_path / "out")) == 0, capsys.readouterr().err


@pytest.mark.slow
def test_one_that_builds_an_extension_trains_without_it_in_a_process_of_its_own(tmp_path: Path) -> None:
    data, run = write_tasks(tmp_path / "data", {"add": 12}), tmp_path / "run"
    boft = settings("tune.method=peft", "tune.type=BOFT", "tune.options={boft_block_size = 4}", "tune.targets=family")
    process = start_mft(arguments(data, run, "--steps", "2", *boft, "--set", "train.learning_rate=0.01"))
    output, _ = process.communicate()
    assert process.returncode == 0, output
    first, *_, last = (event["loss"] for event in events(run, "eval"))
    assert last < first
