"""Data sets of the Hub, from its cache: configurations, splits, revisions, and what is wrong with an address."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from helpers.column_files import write_parquet
from helpers.hub_sets import COMMIT, cached_set, use_cache
from helpers.running import arguments, mft
from mft_core.errors import MftError, UsageError
from mft_core.interfaces import DataRequest
from mft_core.recipe.loading import load_recipe
from mft_core.records import ReaderChoice
from mft_sources.hub import Hub

pytest.importorskip("datasets")

CARD = """---
configs:
- config_name: comma
  data_files:
  - {split: train, path: comma/train.csv}
  - {split: validation, path: comma/held_out.csv}
- config_name: semicolon
  data_files: "*.csv"
  sep: ";"
---
Two kinds of tables.
"""
HEADLESS = """---
configs:
- config_name: headless
  data_files: "*.csv"
  column_names: [prompt, response]
---
"""
TABLE = "prompt;response\n" + "".join(f"q{number};a\n" for number in range(30))
COMMA = TABLE.replace(";", ",")
FILES = {"README.md": CARD, "comma/train.csv": COMMA, "comma/held_out.csv": COMMA, "a.csv": TABLE, "load.py": "1 / 0"}


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_cache(monkeypatch, tmp_path / "hub")
    return tmp_path / "hub"


@pytest.fixture
def request_(tmp_path: Path) -> DataRequest:
    return DataRequest(None, tmp_path / "sources")


def test_a_configuration_is_the_files_that_the_card_says(hub: Path, request_: DataRequest) -> None:
    snapshot = cached_set(hub, "org/set", FILES)
    comma = Hub().fetch("org/set:comma", request_)
    assert comma.train == (snapshot / "comma/train.csv",)
    assert comma.valid == (snapshot / "comma/held_out.csv",)
    assert comma.pinned == f"org/set@{COMMIT}:comma"
    split = Hub().fetch("org/set@main:comma:validation", request_)
    assert (split.train, split.valid) == (comma.valid, ())
    assert split.pinned == f"org/set@{COMMIT}:comma:validation"
    semicolon = Hub().fetch(f"org/set@{COMMIT}:semicolon", request_)
    assert semicolon.train == (snapshot / "a.csv",)
    assert semicolon.reader == ReaderChoice("csv", {"delimiter": ";"})
    assert "load" not in sys.modules


def test_without_a_card_names_say_what_the_splits_are(hub: Path, tmp_path: Path, request_: DataRequest) -> None:
    parquet = write_parquet(tmp_path / "x.parquet", {"text": ["a", "b", "c"]}).read_bytes()
    files = {f"data/{split}-0000{part}-of-00002.parquet": parquet for split in ("train", "test") for part in (0, 1)}
    snapshot = cached_set(hub, "plain", files)
    found = Hub().fetch("plain", request_)
    assert [path.relative_to(snapshot).as_posix() for path in found.train] == sorted(files)[2:]
    assert (found.valid, found.pinned) == ((), f"plain@{COMMIT}")
    split = Hub().fetch("plain:test", request_)  # the name of a split where there is no such configuration
    assert [path.relative_to(snapshot).as_posix() for path in split.train] == sorted(files)[:2]
    assert split.pinned == f"plain@{COMMIT}::test"
    assert Hub().fetch(split.pinned, request_) == split
    next(iter(snapshot.rglob("train-00001*"))).unlink()
    with pytest.raises(MftError, match=r"of data/train-\*-of-00002\.parquet, 1 are there"):
        Hub().fetch("plain", request_)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("org/set", "several configurations, and none is the default"),
        ("org/set:coma", "no configuration 'coma'"),
        ("org/set:comma:dev", "no split 'dev'"),
        ("head/less", "names = .* which only the datasets library knows"),
        ("org/set@v2", "not in the cache and the Hub cannot be reached"),
        ("org/other", "not in the cache and the Hub cannot be reached"),
        ("org/bad name", "cannot be a repository"),
        ("a:b:c:d", "is no address"),
        ("", "is no address"),
        ("code/only", "no data that can be read"),
        ("pictures/only", "which no reader reads"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(hub: Path, request_: DataRequest, address: str, words: str) -> None:
    cached_set(hub, "org/set", FILES)
    cached_set(hub, "head/less", {"README.md": HEADLESS, "a.csv": TABLE})
    cached_set(hub, "code/only", {"load.py": "1 / 0", "README.md": "text"})
    cached_set(hub, "pictures/only", {"train/1.png": b"x"})
    with pytest.raises(MftError, match=words):
        Hub().fetch(address, request_)


def test_as_a_source_each_configuration_is_a_task(hub: Path, request_: DataRequest) -> None:
    cached_set(hub, "org/set", FILES)
    source = Hub.from_options({"address": "org/set"})
    assert [(task.name, len(task.valid)) for task in source.tasks(request_)] == [("comma", 1), ("semicolon", 0)]
    assert source.pinned_options() == {"address": f"org/set@{COMMIT}"}
    (one,) = Hub.from_options({"address": "org/set:semicolon"}).tasks(request_)
    assert (one.name, one.reader) == ("set", ReaderChoice("csv", {"delimiter": ";"}))
    with pytest.raises(UsageError, match="needs an address"):
        Hub().tasks(request_)


@pytest.mark.slow
def test_a_run_records_the_commit_and_can_be_made_again(
    hub: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cached_set(hub, "org/set", FILES)
    flags = [part for part in arguments(Path("x"), tmp_path / "run", "--steps", "2") if part not in ("--data", "x")]
    tasks = ("--task", "a=hf:org/set:comma", "--task", "b=hf:org/set:semicolon:train")
    assert mft(*flags, *tasks) == 0, capsys.readouterr().err
    recipe = load_recipe(tmp_path / "run/recipe.toml")
    assert [task.train for task in recipe.data.tasks] == [
        f"hf:org/set@{COMMIT}:comma",
        f"hf:org/set@{COMMIT}:semicolon:train",
    ]
    components = json.loads((tmp_path / "run/components.json").read_text(encoding="utf-8"))["components"]
    named = {(part["kind"], part["name"]) for part in components}
    assert named >= {("source", "hf"), ("reader", "csv")}
    cached_set(hub, "org/set", {"a.csv": TABLE}, commit="f" * 40)  # somebody changed the data set
    assert mft("run", str(tmp_path / "run/recipe.toml"), "--output", str(tmp_path / "again")) == 0
    assert load_recipe(tmp_path / "again/recipe.toml").data == recipe.data


@pytest.mark.slow
def test_a_whole_data_set_on_the_command_line(hub: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cached_set(hub, "org/set", FILES)
    command = [part if part != "x" else "hf:org/set" for part in arguments(Path("x"), tmp_path / "run", "--steps", "1")]
    assert mft(*command) == 0, capsys.readouterr().err
    source = load_recipe(tmp_path / "run/recipe.toml").data.source
    assert (source.name, source.options) == ("hf", {"address": f"org/set@{COMMIT}"})
