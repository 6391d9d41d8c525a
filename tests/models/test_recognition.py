"""Bases are found by name, recognised by shape, and refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.chat_bases import write_chat_base
from helpers.checkpoints import edit_config
from helpers.running import mft
from helpers.tiny_models import ADAPTERS, ARCHITECTURES, config_of
from mft_auto.adapter import Auto
from mft_core.errors import MftError, UsageError
from mft_core.models.recognition import recognize_adapter, resolve_base

BASES = ("tiny", "smollm2", "folder", "hub", "modelscope")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("tiny", ("tiny", "")),
        ("modelscope:ORG/NAME", ("modelscope", "ORG/NAME")),
        ("folder:models/x", ("folder", "models/x")),
        ("ORG/NAME", ("hub", "ORG/NAME")),
        ("ORG/NAME@v1.0", ("hub", "ORG/NAME@v1.0")),
        ("models/mine", ("folder", "models/mine")),
        ("./tiny", ("folder", "./tiny")),
    ],
)
def test_a_base_is_found_by_name(
    reference: str, expected: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "tiny").mkdir()
    assert resolve_base(reference, BASES) == expected


@pytest.mark.parametrize("reference", ["smolm2", "./nowhere", "a/b/c", "/absolute/nowhere", ""])
def test_what_names_no_base_is_refused(reference: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_base(reference, BASES)
    assert "smollm2" in caught.value.hint


def test_a_mistyped_run_is_no_name_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/mine", "experiments/first", "Qwen/local-model"):
        Path(folder).mkdir(parents=True)
    Path("experiments/first/recipe.toml").touch()
    for wrong, right in (("runs/mnie", "runs/mine"), ("experiments/frist", "experiments/first")):
        with pytest.raises(UsageError) as caught:
            resolve_base(wrong, BASES)
        assert "no folder" in caught.value.message
        assert f"Did you mean {right!r}?" in caught.value.hint
        assert f"hub:{wrong}" in caught.value.hint
    with pytest.raises(UsageError, match="no folder"):
        resolve_base("runs/nothing-like-it", BASES)
    assert resolve_base("hub:runs/mnie", BASES) == ("hub", "runs/mnie")
    assert resolve_base("Qwen/other-model", BASES) == ("hub", "Qwen/other-model"), "no folder of runs"
    with pytest.raises(UsageError) as caught:
        resolve_base(str(tmp_path / "runs" / "mnie"), BASES)
    assert f"Did you mean {str(tmp_path / 'runs' / 'mine')!r}?" in caught.value.hint


def test_a_wrong_model_is_refused_and_the_right_one_named() -> None:
    config = config_of("gpt_neox").to_dict()
    assert recognize_adapter(ADAPTERS.items(), config, "gpt_neox") == "gpt_neox"
    with pytest.raises(UsageError) as caught:
        recognize_adapter(ADAPTERS.items(), config, "llama")
    assert "--model llama" in caught.value.message
    assert "--model gpt_neox" in caught.value.hint


def test_a_checkpoint_that_wants_code_of_its_own_is_refused() -> None:
    config = {"model_type": "unheard-of", "auto_map": {"AutoModelForCausalLM": "modeling.UnheardOf"}}
    with pytest.raises(MftError, match=r"code of its own to be run \(AutoModelForCausalLM\)"):
        recognize_adapter(ADAPTERS.items(), config)


@pytest.mark.slow
def test_a_run_on_a_checkpoint_with_code_of_its_own_is_refused_and_runs_none(data, tmp_path: Path, capsys) -> None:
    base, proof = tmp_path / "base", tmp_path / "ran"
    write_chat_base(base)
    code = f"open({str(proof)!r}, 'w').close()\n"
    (base / "evil.py").write_text(code)
    kinds = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model", "AutoTokenizer": "evil.Tokenizer"}
    edit_config(base, model_type="unheard-of", architectures=["Model"], auto_map=kinds)
    assert mft("run", "--base", str(base), "--data", str(data), "--output", str(tmp_path / "run")) == 1
    assert "code of its own" in " ".join(capsys.readouterr().err.split())
    assert not proof.exists()
    exec(code)
    assert proof.exists(), "the code would not have done anything at all"


def test_two_families_that_recognise_one_checkpoint_need_a_choice() -> None:
    config = config_of("llama").to_dict()
    pairs = [*ADAPTERS.items(), ("acme/llama", ADAPTERS["llama"])]
    with pytest.raises(UsageError, match="llama, acme/llama"):
        recognize_adapter(pairs, config)
    assert recognize_adapter(pairs, config, "acme/llama") == "acme/llama"


ALL = {"auto": Auto(), **ADAPTERS}
GPT2 = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_familys_checkpoint_is_the_familys_whatever_general_adapter_there_is(architecture: str) -> None:
    config, family = config_of(architecture).to_dict(), ARCHITECTURES[architecture].adapter
    assert recognize_adapter(ALL.items(), config) == family
    assert recognize_adapter(ALL.items(), config, "auto") == family


def test_what_no_family_claims_is_the_general_adapters() -> None:
    assert recognize_adapter(ALL.items(), GPT2) == recognize_adapter(ALL.items(), GPT2, "auto") == "auto"
    with pytest.raises(UsageError) as caught:
        recognize_adapter(ALL.items(), GPT2, "llama")
    assert "--model llama" in caught.value.message
    assert "--model auto" in caught.value.hint


def test_what_a_family_refuses_the_general_adapter_does_not_load() -> None:
    config = {"model_type": "gemma3", "architectures": ["Some"], "vision_config": {}}
    for wanted in ("", "auto"):
        with pytest.raises(MftError, match="This Gemma"):
            recognize_adapter(ALL.items(), config, wanted)


def test_code_without_a_native_type_is_refused_by_the_general_adapter_too() -> None:
    config = {"model_type": "unheard-of", "auto_map": {"AutoModelForCausalLM": "modeling.UnheardOf"}}
    for wanted in ("", "auto"):
        with pytest.raises(MftError, match=r"code of its own to be run \(AutoModelForCausalLM\)"):
            recognize_adapter(ALL.items(), config, wanted)
    native = {**GPT2, "auto_map": config["auto_map"]}
    assert recognize_adapter(ALL.items(), native) == "auto"


def test_the_general_adapter_is_listed_last(capsys) -> None:
    assert mft("list", "model", "--json") == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out) if row["kind"] == "model"]
    assert names[-1] == "auto"
    assert names[:-1] == sorted(names[:-1])
