"""What a `max_length` costs an epoch: as a run with it finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import GPTBigCodeConfig, GPTBigCodeForCausalLM

from helpers.running import mft, settings, write_rows
from mft_core.run.length_costs import LENGTHS
from mft_core.testing.small_tokenizers import small_tokenizer

pytestmark = pytest.mark.slow

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog"]


def write(folder: Path) -> Path:
    """Two tasks of conversations of very different lengths, and one of texts; what validates is given."""
    texts = [{"text": f"{number} " * (number * 30)} for number in range(1, 31)]
    for task, rows in {"short": conversations(3), "long": conversations(60), "texts": texts}.items():
        write_rows(make_folder(folder / task) / "train.jsonl", rows)
        write_rows(folder / task / "valid.jsonl", [{"prompt": "q", "response": task}])
    return folder


def conversations(step: int) -> list[dict]:
    return [{"prompt": str(n), "response": " ".join(WORDS[n % 9] for _ in range(n * step))} for n in range(1, 33)]


def make_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("lengths"))


def check(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, Any]:
    assert mft("check", *command, "--json") == 0
    out = capsys.readouterr().out
    return json.loads(out[out.index("{") :])


def checked(capsys: pytest.CaptureFixture[str], data: Path, *more: str) -> dict[str, Any]:
    return check(capsys, "--model", "llama", "--data", str(data), *settings("model.dtype=float32", *more))


@pytest.mark.parametrize("overlong", ["drop", "truncate", "split"])
@pytest.mark.parametrize("packer", ["best-fit", "sequential"])
def test_a_smaller_length_costs_what_a_run_with_it_costs(data: Path, capsys, overlong: str, packer: str) -> None:
    more = (f"data.overlong={overlong}", f"data.packer={packer}", "data.temperature=2", "train.batch_size=4")
    large = checked(capsys, data, *more, "data.max_length=2048")["lengths"]
    by_length = {cost["max_length"]: cost for cost in large["at"]}
    assert list(by_length) == list(LENGTHS)
    for length in (512, 1024):
        there = checked(capsys, data, *more, f"data.max_length={length}")
        assert by_length[length] == next(cost for cost in there["lengths"]["at"] if cost["max_length"] == length)
        assert by_length[length]["rows"] == there["rows"]
        assert by_length[length]["packing_efficiency"] == there["packing_efficiency"]
        assert by_length[length]["dropped"] == sum(report["overlong"] for report in there["data"].values())
        assert by_length[length]["truncated"] == sum(report["truncated"] for report in there["data"].values())


@pytest.mark.parametrize("overlong", ["drop", "truncate"])
def test_a_larger_length_is_estimated(data: Path, capsys, overlong: str) -> None:
    more = (f"data.overlong={overlong}", "train.batch_size=4")
    small = {cost["max_length"]: cost for cost in checked(capsys, data, *more)["lengths"]["at"]}
    large = checked(capsys, data, *more, "data.max_length=8192")["lengths"]["at"][-1]
    found = small[8192]
    assert (found["estimated"], large["estimated"], small[1024]["estimated"]) == (True, False, False)
    assert found["rows"] == pytest.approx(large["rows"], abs=1)
    assert found["tasks"] == large["tasks"] or overlong == "truncate"
    assert (found["dropped"], found["truncated"], found["supervised_lost"]) == (0, 0, 0)


def test_caps_do_not_change_what_the_files_hold(data: Path, capsys) -> None:
    whole, capped = checked(capsys, data), checked(capsys, data, "data.max_samples=5")
    for one, other in zip(whole["lengths"]["at"], capped["lengths"]["at"], strict=True):
        assert one["tasks"] == other["tasks"]
        assert other["rows"] < one["rows"]
    assert capped["lengths"]["tasks"] == whole["lengths"]["tasks"]
    histograms = whole["lengths"]["tasks"]
    assert {name: sum(task["records"]) for name, task in histograms.items()} == {"long": 32, "short": 32, "texts": 30}


def test_few_samples_stand_for_the_records_of_their_task(tmp_path: Path, capsys) -> None:
    """Where the records of one task are tokenised, as there are few, and of another's only some."""
    write_rows(make_folder(tmp_path / "few") / "train.jsonl", conversations(100))
    many = [{**row, "prompt": f"{number}", "id": "0" * 900} for number, row in enumerate(conversations(2) * 50)]
    write_rows(make_folder(tmp_path / "many") / "train.jsonl", many)
    trial, whole = (checked(capsys, tmp_path, *more)["lengths"] for more in (("data.max_samples=40",), ()))
    assert whole["unseen"] == 0
    assert 1000 < trial["unseen"] < 1600
    for there, found in zip(whole["at"], trial["at"], strict=True):
        assert (found["records"], found["dropped"]) == (there["records"], there["dropped"])
        assert found["tasks"]["few"] == there["tasks"]["few"]
        assert found["tokens"] == pytest.approx(there["tokens"], rel=0.1)
    assert sum(trial["tasks"]["many"]["records"]) == 1600 - trial["unseen"]


def test_prepared_data_says_the_same(data: Path, tmp_path: Path, capsys) -> None:
    command = ("--model", "llama", "--data", str(data), *settings("model.dtype=float32"))
    assert mft("prepare", *command, "--output", str(tmp_path / "prepared")) == 0
    capsys.readouterr()
    assert check(capsys, str(tmp_path / "prepared" / "recipe.toml"))["lengths"] == check(capsys, *command)["lengths"]


def test_a_task_of_its_own_length_and_number_of_passes(data: Path, tmp_path: Path, capsys) -> None:
    """Its own limit holds under every other one."""

    def recipe(max_length: int) -> str:
        parts = [f'[data]\nmax_length = {max_length}\n[train]\nbatch_size = 4\n[model]\ndtype = "float32"\n']
        for name, keys in {"long": "max_length = 700", "short": "repeat = 3", "texts": ""}.items():
            files = [f'{side} = "{data / name / path}"' for side, path in FILES.items()]
            parts.append("\n".join(["[[data.tasks]]", f'name = "{name}"', *files, keys, ""]))
        (tmp_path / "recipe.toml").write_text("".join(parts), encoding="utf-8")
        return str(tmp_path / "recipe.toml")

    found = {cost["max_length"]: cost for cost in check(capsys, recipe(2048), "--model", "llama")["lengths"]["at"]}
    there = check(capsys, recipe(1024), "--model", "llama")
    assert found[1024] == next(cost for cost in there["lengths"]["at"] if cost["max_length"] == 1024)
    assert found[1024]["rows"] == there["rows"]
    assert found[1024]["tasks"]["long"] == found[8192]["tasks"]["long"] != found[512]["tasks"]["long"]


FILES = {"train": "train.jsonl", "valid": "valid.jsonl"}


def test_a_length_that_leaves_a_task_nothing(tmp_path: Path, capsys) -> None:
    rows = [{"prompt": f"{n}", "response": "word " * 700} for n in range(5)]
    for task in ("a", "b"):
        write_rows(tmp_path / f"{task}.jsonl", rows)
    found = checked(capsys, tmp_path, "data.max_length=4096", "data.temperature=2")["lengths"]["at"][0]
    assert (found["max_length"], found["dropped"], found["rows"], found["steps"]) == (512, 10, 0, 0)
    write_rows(tmp_path / "b.jsonl", [{"prompt": "q", "response": "r"}])
    found = checked(capsys, tmp_path, "data.max_length=4096", "data.temperature=2")["lengths"]["at"][0]
    assert (found["dropped"], found["rows"]) == (5, 1)


def test_positions_that_were_learnt_bound_a_sample(tmp_path: Path, data: Path, capsys) -> None:
    """Longer rows do not make longer samples."""
    tokenizer = small_tokenizer()
    config = GPTBigCodeConfig(vocab_size=len(tokenizer), n_positions=600, n_embd=64, n_layer=1, n_head=4)
    GPTBigCodeForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    capsys.readouterr()
    more = settings("model.dtype=float32", "data.max_length=2048", "data.overlong=truncate")
    found = check(capsys, "--model", "starcoder", "--base", str(tmp_path), "--data", str(data), *more)
    at = {cost["max_length"]: cost for cost in found["lengths"]["at"]}
    assert found["lengths"]["positions"] == 600
    assert at[512]["truncated"] > at[1024]["truncated"] == sum(task["truncated"] for task in found["data"].values())
    assert at[1024]["tasks"] == at[2048]["tasks"] == at[8192]["tasks"]
    assert (at[8192]["estimated"], at[2048]["rows"]) == (False, found["rows"])
    assert at[8192]["rows"] < at[1024]["rows"]
