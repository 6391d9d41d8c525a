from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.registry.catalog import Catalog


class Components:
    """Every component has the path option "file", and there is one base."""

    def path_options(self, kind: str, name: str) -> Collection[str]:
        return ("file", "files")

    def get(self, kind: str, name: str) -> str:
        return name

    def names(self, kind: str) -> Collection[str]:
        return ()

    def defaults(self, kind: str, name: str) -> None:
        return None

    def offers(self, kind: str, name: str) -> bool:
        return (kind, name) == ("base", "tiny")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the recipe; the working folder is another one, and home a third."""
    for name in ("[a] recipes*", "here", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "[a] recipes*"


def load(folder: Path, text: str, *overrides: tuple[str, object], **more: object) -> Recipe:
    (folder / "recipe.toml").write_text(text, encoding="utf-8")
    return load_recipe(folder / "recipe.toml", overrides, components=Components(), **more)  # type: ignore[arg-type]


def test_every_path_of_a_recipe_follows_one_rule(folder: Path) -> None:
    given = '{name = "x", file = "a/[1].jsonl", other = "a", files = ["~/b", "/c", ""]}'
    right = {
        "file": str(folder / "a/[1].jsonl"),
        "other": "a",
        "files": [str(folder.parent / "home" / "b"), "/c", ""],
    }
    recipe = load(
        folder,
        f'loss = {given}\neval = ["loss", {given}]\n[data]\npacker = {given}\nsource = {given}\n'
        f'tokenization = {given}\n[train]\ncallbacks = ["report", {given}]\n[output]\ndir = "out"\n',
    )
    choices = [recipe.loss, recipe.eval[1], recipe.data.packer, recipe.data.source, recipe.data.tokenization]
    assert [choice.options for choice in (*choices, recipe.train.callbacks[1])] == [right] * 6
    assert recipe.output.dir == str(folder / "out")
    assert all(type(value) is str for value in recipe.loss.options.values() if isinstance(value, str))


def test_a_path_belongs_to_the_place_it_stands_in(folder: Path, tmp_path: Path) -> None:
    flags = (("loss.file", "flag"), ("data.path", "~/data"))
    recipe = load(folder, "", *flags, defaults={"output": {"dir": "out"}}, defaults_file=tmp_path / "plugins.toml")
    assert recipe.loss.options == {"file": str(tmp_path / "here" / "flag")}
    assert recipe.data.path == str(tmp_path / "home" / "data")
    assert recipe.output.dir == str(tmp_path / "out")
    renamed = load(folder, 'loss = {name = "x", file = "recipe"}', ("eval", [{"name": "x", "file": "flag"}]))
    assert renamed.loss.options["file"] == str(folder / "recipe")
    assert renamed.eval[0].options["file"] == str(tmp_path / "here" / "flag")


def test_files_of_tasks_may_lie_at_home_or_below_the_data(folder: Path, tmp_path: Path) -> None:
    task = '[[data.tasks]]\nname = "a"\ntrain = "a.jsonl"\nvalid = "~/v.jsonl"\n'
    assert load(folder, task).data.tasks[0].train == str(folder / "a.jsonl")
    below = load(folder, '[data]\npath = "~/all"\n' + task).data.tasks[0]
    assert below.train == str(tmp_path / "home" / "all" / "a.jsonl")
    assert below.valid == str(tmp_path / "home" / "v.jsonl")


def test_a_base_is_a_path_only_where_it_is_there(folder: Path) -> None:
    (folder / "tiny").mkdir()
    (folder / "mine").mkdir()
    bases = {name: load(folder, f'model.base = "{name}"').model.base for name in ("tiny", "mine", "ORG/NAME", "pypi:a")}
    assert bases.pop("mine") == str(folder / "mine")
    assert list(bases) == list(bases.values())


def test_a_stored_recipe_reads_as_it_was_from_anywhere(folder: Path, tmp_path: Path) -> None:
    recipe = load(folder, 'loss = {name = "x", file = "a"}\n[data]\npath = "data"\n[output]\ndir = "out"\n')
    (tmp_path / "stored.toml").write_text(recipe.as_toml(), encoding="utf-8")
    assert load_recipe(tmp_path / "stored.toml") == recipe


def test_marks_and_line_ends_of_windows_editors_are_no_mistake(folder: Path) -> None:
    (folder / "recipe.toml").write_bytes(b"\xef\xbb\xbf[data]\r\npath = 'a'\r\n[train]\r\nsteps = 3\r\n")
    recipe = load_recipe(folder / "recipe.toml")
    assert (recipe.data.path, recipe.train.steps) == (str(folder / "a"), 3)


def test_options_of_bundled_components_that_are_paths_are_known(catalog: Catalog) -> None:
    assert catalog.path_options("evaluator", "text2sql") == {"data", "tables", "databases"}
    assert catalog.path_options("evaluator", "humaneval") == {"data"}
    assert catalog.path_options("loss", "no-such-loss") == frozenset()
