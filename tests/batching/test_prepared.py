"""`mft prepare`: what it writes trains like the data it was made of, or says what differs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.running import events, largest_difference, mft, weights, write_tasks
from mft_core.batching.manifest import sealed
from mft_core.batching.prepared import open_prepared
from mft_core.data.token_store import checksum
from mft_core.interfaces import Tokenization
from mft_core.records import Record, Sample
from mft_tokenization.chat_tokenization import ChatTokenization

RECIPE = """
[model]
adapter = "llama"
dtype = "float32"
[data]
path = "data"
max_length = 96
overlong = "split"
[train]
epochs = 2
batch_size = 16
micro_batch_size = 8
eval_every = 0
callbacks = []
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe with its data, and the folder `prepared` made of it."""
    folder = tmp_path_factory.mktemp("prepare")
    write_tasks(folder / "data", {"add": 20, "copy": 9})
    texts = [{"text": f"text {n} " * (20 * (1 + n % 3)), "weight": 1 + 1.5 * (n % 2)} for n in range(8)]
    (folder / "data" / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in [*texts, {"bad": 1}] * 3))
    (folder / "recipe.toml").write_text(RECIPE)
    assert mft("prepare", str(folder / "recipe.toml"), "--output", str(folder / "prepared"), *LENIENT) == 0
    return folder


LENIENT = ("--set", "data.max_bad=0.2")


def check(capsys: pytest.CaptureFixture[str], recipe: Path, *more: str) -> dict[str, Any]:
    """What `mft check` finds."""
    assert mft("check", str(recipe), "--json", *LENIENT, *more) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """The message of a command that fails."""
    code = mft(*command)
    assert code == 2
    return capsys.readouterr().err


@contextmanager
def nothing_tokenised(cache: Path) -> Iterator[None]:
    """Encoding any record is an error, and no cache has records that were encoded before.

    The method is refused where every caller looks it up: on the class, in this process, which is the only one here.
    """

    encode = ChatTokenization.encode

    def refuse(self: ChatTokenization, record: Record) -> Sample:
        if not record.origin:  # the question by which a tokenization learns what ends an answer
            return encode(self, record)
        raise AssertionError(f"tokenised: {record.origin}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MFT_CACHE", str(cache))
        patch.setattr(ChatTokenization, "encode", refuse)
        patch.setattr(ChatTokenization, "batch", Tokenization.batch)  # one by one
        yield


@pytest.mark.slow
def test_a_run_on_the_folder_tokenises_nothing_and_ends_with_the_same_weights(place: Path, tmp_path: Path) -> None:
    online, offline = tmp_path / "online", tmp_path / "offline"
    assert mft("run", str(place / "recipe.toml"), "--output", str(online), *LENIENT) == 0
    shutil.copytree(place / "prepared", tmp_path / "elsewhere")
    with nothing_tokenised(tmp_path / "cache"):
        assert mft("run", str(tmp_path / "elsewhere" / "recipe.toml"), "--output", str(offline)) == 0
    assert largest_difference(weights(online), weights(offline)) == 0
    assert (online / "quarantine.jsonl").read_text() == (offline / "quarantine.jsonl").read_text()
    (started,), (before,) = events(offline, "start"), events(online, "start")
    assert started["tasks"] == before["tasks"]
    assert started["tasks"]["texts"]["split"] > 0
    assert started["tasks"]["texts"]["weighted_tokens"] > started["tasks"]["texts"]["supervised"]


def test_whoever_tokenises_is_noticed(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the test above relies on."""
    with nothing_tokenised(tmp_path / "cache"):
        assert mft("check", str(place / "recipe.toml"), *LENIENT) == 1
    assert "tokenised: " in " ".join(capsys.readouterr().err.split())


def test_the_data_need_not_be_there_any_more(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hidden = place / "data"
    hidden.rename(place / "away")
    try:
        assert mft("check", str(place / "prepared" / "recipe.toml")) == 0
    finally:
        (place / "away").rename(hidden)


@pytest.mark.slow
def test_a_check_finds_the_same(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other_rows = ("--set", "train.seed=3", "--set", "data.include=['copy', 'texts']")
    for more in ((), other_rows):
        assert check(capsys, place / "recipe.toml", *more) == check(capsys, place / "prepared" / "recipe.toml", *more)


@pytest.mark.slow
def test_the_rows_are_those_of_the_recipe(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = open_prepared(place / "prepared")
    tasks = folder.task_set(folder.files(()))
    stored = folder.rows_of(tasks, seed=0, temperature=1.0)
    assert stored is not None
    samples = sum(len(task.train) for task in tasks)
    for epoch in (0, 1):
        rows = stored(epoch)
        assert rows is not None
        assert np.array_equal(np.sort(rows.members), np.arange(samples))
    assert stored(2) is None
    assert folder.rows_of(tasks, seed=1, temperature=1.0) is None
    assert folder.rows_of(tasks, seed=0, temperature=2.0) is None
    found = check(capsys, place / "recipe.toml")["packers"]
    assert {"best-fit": len(stored(0))}.items() <= {one["packer"]: one["rows"] for one in found}.items()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("data.max_length=64", ["data.max_length: 96 there, 64 in this run"]),
        ("data.packer=sequential", ["data.packer: 'BestFit' there, 'Sequential' in this run"]),
        ("data.tokenization=chatml", ["data.tokenization: 'Auto, template", "'ChatMl, template"]),
        ("data.overlong=drop", ["data.overlong: 'split' there, 'drop' in this run"]),
        ("data.split_seed=1", ["data.split_seed: 0 there, 1 in this run"]),
        ("data.include=['sub']", ["there is no task 'sub'"]),
    ],
)
def test_another_preparation_is_refused_by_name(
    place: Path, capsys: pytest.CaptureFixture[str], setting: str, named: list[str]
) -> None:
    message = refused(capsys, "check", str(place / "prepared" / "recipe.toml"), "--set", setting)
    assert all(part in message for part in named)


def test_another_tokenizer_is_refused(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(place / "prepared", tmp_path / "copy")
    manifest = json.loads((folder / "prepared.json").read_text())
    own = manifest["made_from"]["tokenizer"]
    manifest["made_from"]["tokenizer"] = "0123456789abcdef"
    (folder / "prepared.json").write_text(json.dumps(sealed(manifest)))
    message = refused(capsys, "check", str(folder / "recipe.toml"))
    assert f"tokenizer: '0123456789abcdef' there, {own!r} in this run" in message
    assert "data." not in message.partition("otherwise:")[2].partition("put that back")[0]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["rows/0-members.npy", "samples/1-train.npy", "tokens/*/ids.bin"])
@pytest.mark.parametrize("damage", [flip, Path.unlink])
def test_damage_is_named(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, damage: Callable[[Path], None]
) -> None:
    folder = shutil.copytree(place / "prepared", tmp_path / "copy")
    damage(next(folder.glob(name)))
    assert mft("check", str(folder / "recipe.toml")) == 1
    assert "is missing or damaged" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["NaN", "-1", "0"])
def test_a_manifest_changed_by_hand_is_refused(
    value: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(place / "prepared", tmp_path / "copy")
    path = folder / "prepared.json"
    path.write_text(path.read_text().replace('"weight": 1.0', f'"weight": {value}', 1))
    assert "its checksum does not match" in refused(capsys, "check", str(folder / "recipe.toml"))
    path.write_text(json.dumps(sealed(json.loads(path.read_text()))))
    assert "tasks.0.weight" in refused(capsys, "check", str(folder / "recipe.toml"))


def test_what_was_prepared_beside_a_secret_opens_and_does_not_hold_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "opensesame42")
    write_tasks(tmp_path / "data", {"add": 8})
    (tmp_path / "data/add/train.jsonl").rename(tmp_path / "data/add/train-opensesame42.jsonl")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    folder = tmp_path / "prepared"
    assert mft("prepare", str(tmp_path / "recipe.toml"), "--output", str(folder)) == 0
    assert "opensesame42" not in (folder / "prepared.json").read_text()
    assert mft("check", str(folder / "recipe.toml")) == 0


@pytest.mark.parametrize("name", ["samples/0-train.npy", "rows/0-members.npy", "rows/0-offsets.npy"])
@pytest.mark.parametrize("number", [-1, 1 << 40])
def test_numbers_of_samples_that_there_are_not_are_damage(
    name: str, number: int, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(place / "prepared", tmp_path / "copy")
    numbers = np.load(folder / name).astype(np.int64)
    numbers[-1] = number
    np.save(folder / name, numbers)
    manifest = json.loads((folder / "prepared.json").read_text())
    manifest["checksums"][name] = checksum(folder / name)
    (folder / "prepared.json").write_text(json.dumps(sealed(manifest)))
    assert mft("check", str(folder / "recipe.toml")) == 1
    assert "is missing or damaged" in capsys.readouterr().err


def test_nothing_is_overwritten_and_nothing_else_is_read(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = str(place / "recipe.toml")
    assert "something already" in refused(capsys, "prepare", recipe, "--output", str(place / "prepared"))
    again = refused(capsys, "prepare", str(place / "prepared" / "recipe.toml"), "--output", str(tmp_path / "new"))
    assert "reads prepared data already" in again
    assert not (tmp_path / "new").exists()
    assert "holds no prepared data" in refused(capsys, "check", recipe, "--set", f"data.prepared={tmp_path}")


def test_the_recipes_weights_win(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "weighted.toml"
    task = '[[data.tasks]]\nname = "copy"\ntrain = "nowhere.jsonl"\nweight = 3.0\n'
    recipe.write_text(RECIPE.replace('path = "data"', f'prepared = "{place / "prepared"}"') + task)
    weights_found = {task["name"]: task["weight"] for task in check(capsys, recipe)["tasks"]}
    assert weights_found == {"add": 1.0, "copy": 3.0, "texts": 1.0}


def test_json_says_what_was_written(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "made"
    assert mft("prepare", str(place / "recipe.toml"), "--output", str(output), "--json", *LENIENT) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["folder"] == str(output)
    assert found["packer"] == "best-fit"
    assert len(found["rows"]) == 2
    assert found["samples"] == sum(report["train"] for report in found["data"].values())
    assert found["bytes"] == sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    written = {path.relative_to(output): path.read_bytes() for path in output.rglob("*") if path.is_file()}
    first = {path.relative_to(place / "prepared"): path.read_bytes() for path in written_files(place / "prepared")}
    assert written == first


def written_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
