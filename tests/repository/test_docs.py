from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from helpers.kits import check_kit_passes
from helpers.paths import REPOSITORY
from helpers.running import arguments, events, mft, write_tasks
from mft_cli.app import run_command_line
from mft_core.registry.workspace import Workspace

DOCS = REPOSITORY / "docs"
README = REPOSITORY / "README.md"
PAGES = [README, REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]


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


def test_the_example_of_options_has_them() -> None:
    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class PowerOptions" in code]
    content: dict[str, Any] = {}
    exec(example, content)
    assert content["Power"].Options is content["PowerOptions"]
    assert content["Power"].from_options({"exponent": 0.3}).options.exponent == 0.3


@pytest.mark.slow
def test_the_example_in_the_readme_trains(tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
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


def test_the_demo_writes_what_its_next_start_removes() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    (demo,) = re.findall(
        r"^demo:.*\n\trm -rf (\S+)\n\t.*mft run recipes/demo\.toml --output (\S+)", makefile, re.MULTILINE
    )
    assert demo[0] == demo[1]


def readmes_tree() -> list[str]:
    """What the README's tree names, as paths from the repository on, folders with a slash at their end."""
    section = README.read_text(encoding="utf-8").partition("## Where things are")[2]
    paths, above = [], ""
    for line in section.split("```")[1].strip("\n").splitlines():
        if not line.startswith(" "):
            above = line.split()[0]
            paths.append(above)
        elif above == "plugins/":  # several to a line
            paths += [f"{above}{name}/" for name in re.findall(r"\bmft_\w+", line)]
        else:
            paths.append(above + line.split()[0])
    return paths


def test_the_readmes_tree_names_every_folder_and_plugin_and_nothing_that_is_not_there() -> None:
    named = readmes_tree()
    assert [path for path in named if not (REPOSITORY / path).exists()] == []
    folders = {f"{path.parent.relative_to(REPOSITORY).as_posix()}/" for path in REPOSITORY.glob("*/*/__init__.py")}
    assert {path for path in folders if path.startswith(("mft_core/", "plugins/"))} <= set(named)
    assert len(named) == len(set(named))


def test_the_readmes_tree_has_the_folders_of_the_core_in_the_order_of_their_imports() -> None:
    layers = runpy.run_path(str(REPOSITORY / "tests" / "repository" / "test_layout.py"))["LAYERS"]
    folders = [path.split("/")[1] for path in readmes_tree() if re.fullmatch(r"mft_core/\w+/", path)]
    assert folders == [layer for layer in layers if layer in folders]


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


def links(page: Path) -> list[str]:
    """The targets of a page's links within the repository, as they are written."""
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def test_every_page_is_linked_from_the_readme() -> None:
    pages = {page.relative_to(REPOSITORY).as_posix() for page in DOCS.glob("*.md")}
    assert pages - set(links(README)) == set()


def test_no_link_is_dead() -> None:
    dead = []
    for page in PAGES:
        for target in links(page):
            path, _, heading = target.partition("#")
            file = page.parent / path if path else page
            if not file.exists() or (heading and heading not in headings(file)):
                dead.append(f"{page.name}: {target}")
    assert dead == []


def headings(page: Path) -> set[str]:
    """Its headings as GitHub names them in links."""
    lines = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def blocks_of_a_family() -> tuple[str, str]:
    page = (DOCS / "plugins.md").read_text(encoding="utf-8").partition("## A model family")[2]
    family, test, *_ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return family, test


@pytest.mark.slow
def test_the_example_of_a_model_family_trains(tmp_path: Path) -> None:
    (path := tmp_path / "my_family.py").write_text(blocks_of_a_family()[0], encoding="utf-8")
    run = tmp_path / "run"
    command = arguments(write_tasks(tmp_path / "data"), run, "--plugin", str(path), "--steps", "1", "--base", "tiny")
    command[command.index("llama")] = "olmo"
    assert mft(*command) == 0
    assert len(events(run, "train")) == 1


@pytest.mark.slow
def test_the_example_of_a_model_family_passes_the_kit_as_its_page_says(tmp_path: Path) -> None:
    family, test = blocks_of_a_family()
    check_kit_passes(tmp_path, "my_family", family, test)
