from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY
from helpers.running import arguments, events, mft, write_tasks
from mft_cli.app import run_command_line
from mft_core.registry.workspace import Workspace

DOCS = REPOSITORY / "docs"


def test_the_page_on_the_command_line_is_current() -> None:
    page = runpy.run_path(str(DOCS / "generate_cli.py"))["page"]()
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == page, "run `make docs`"


def test_the_plugin_example_works_and_has_20_lines(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"```python\n(.*?)```", (DOCS / "plugins.md").read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    assert len(example[1].splitlines()) <= 20
    path = site.parent / "my_loss.py"
    path.write_text(example[1])
    assert run_command_line(["show", "loss.sqrt", "--json", "--plugin", str(path)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["plugin"], shown["version"], shown["file"]) == ("my-loss", "local", str(path))


def test_the_example_in_the_readme_trains(tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    assert len(example[1].splitlines()) <= 20
    path = tmp_path / "my_loss.py"
    path.write_text(example[1])
    data, run = write_tasks(tmp_path / "data"), tmp_path / "run"
    assert mft(*arguments(data, run, "--loss", "sqrt", "--plugin", str(path), "--steps", "1")) == 0
    (start,), (train,) = events(run, "start"), events(run, "train")
    sizes = {name: task["supervised"] ** 0.5 for name, task in start["tasks"].items()}
    for name, task in train["tasks"].items():
        assert task["weight"] == pytest.approx(sizes[name] / sum(sizes.values()))


def test_the_readmes_tree_names_every_module_and_plugin() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    modules = [path.name for path in (REPOSITORY / "mft_core").glob("*.py") if path.stem not in ("__init__",)]
    plugins = [path.name for path in (REPOSITORY / "plugins").iterdir() if (path / "__init__.py").exists()]
    assert [name for name in modules + plugins if name not in text] == []


def test_plugins_toml_is_valid_and_has_everything_off() -> None:
    assert Workspace.read(REPOSITORY / "plugins.toml") == Workspace(path=REPOSITORY / "plugins.toml")


def test_its_examples_and_those_of_the_page_are_valid(tmp_path: Path) -> None:
    text = (REPOSITORY / "plugins.toml").read_text(encoding="utf-8")
    switched_on = [line[2:] for line in text.splitlines() if re.match(r'# ([\w".-]+ = |\[)', line)]
    blocks = re.findall(r"```toml\n(.*?)```", (DOCS / "plugins.md").read_text(encoding="utf-8"), re.DOTALL)
    (on_the_page,) = [block for block in blocks if "disabled" in block]
    for content in ("\n".join(switched_on), on_the_page):
        (tmp_path / "plugins.toml").write_text(content, encoding="utf-8")
        workspace = Workspace.find(tmp_path)
        assert workspace.disabled == {"acme-losses"}
        assert workspace.admits("acme-losses", "1.3")
        assert workspace.prefer == {"loss.famo": "acme-losses"}
        assert workspace.local == {"my-loss": tmp_path / "my_loss.py"}
        assert workspace.defaults["train"] == {"seed": 1}


def test_tests_that_are_named_are_there() -> None:
    pages = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    named = {name for page in pages for name in re.findall(r"tests/[a-z_0-9/]+\.py", page.read_text(encoding="utf-8"))}
    assert len(named) > 10
    assert [name for name in sorted(named) if not (REPOSITORY / name).is_file()] == []
