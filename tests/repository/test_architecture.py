from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.distributions import write_distribution
from helpers.paths import REPOSITORY
from mft_cli.commands import COMMANDS
from mft_core import hookspecs
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.support.toml_files import read_toml

PLUGINS = sorted(path.name for path in (REPOSITORY / "plugins").iterdir() if (path / "__init__.py").exists())
HOOKS = sorted(name for name in dir(hookspecs) if name.startswith("mft_"))
HEAVY = {"torch", "transformers", "peft", "accelerate", "matplotlib", "numpy"}
Run = Callable[..., subprocess.CompletedProcess[str]]


def imported(path: Path) -> Iterator[str]:
    """Top-level names of all modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("package", ["mft_core", "mft_cli"])
def test_the_core_and_the_command_line_import_no_plugin(package: str) -> None:
    forbidden = {*PLUGINS, *({"mft_cli"} if package == "mft_core" else ())}
    for path in (REPOSITORY / package).rglob("*.py"):
        assert not forbidden & set(imported(path)), path


@pytest.mark.slow
def test_only_the_conformance_kit_imports_pytest() -> None:
    users = {path.parent.name for path in (REPOSITORY / "mft_core").rglob("*.py") if "pytest" in imported(path)}
    assert users == {"testing"}
    assert not [path for path in (REPOSITORY / "plugins").rglob("*.py") if "pytest" in imported(path)]


def test_a_plugin_imports_no_other_plugin() -> None:
    for plugin in PLUGINS:
        for path in (REPOSITORY / "plugins" / plugin).rglob("*.py"):
            assert not (set(PLUGINS) - {plugin}) & set(imported(path)), path


def test_plugin_folders_are_the_declared_entry_points() -> None:
    declared = read_toml(REPOSITORY / "pyproject.toml")["project"]["entry-points"][hookspecs.API_GROUP]
    assert sorted(declared.values()) == PLUGINS
    assert all(plugin == module.replace("_", "-") for plugin, module in declared.items())


def modules_after(arguments: list[str], cwd: Path) -> set[str]:
    code = f"import sys; from mft_cli.app import run_command_line; assert run_command_line({arguments!r}) == 0; "
    code += "print('MODULES', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=True)
    return set(done.stdout.partition("MODULES ")[2].split())


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["list", "--json"]])
def test_help_and_list_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    modules = modules_after(arguments, tmp_path)
    assert not HEAVY & modules
    assert "mft_core.interfaces" not in modules
    assert "mft_core.registry.discovery" in modules


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"]])
def test_list_imports_what_it_needs_alone(arguments: list[str], tmp_path: Path) -> None:
    """What made it take three times as long as Typer does to import."""
    modules = modules_after(arguments, tmp_path)
    assert not {"pydantic", "rich.console", "rich.table", "mft_core.events", "tomllib"} & modules
    others = {command.target.partition(":")[0] for command in COMMANDS.values()} - {"mft_cli.listing"}
    assert "mft_cli.listing" in modules
    assert not others & modules


def test_help_imports_no_command(tmp_path: Path) -> None:
    assert not {command.target.partition(":")[0] for command in COMMANDS.values()} & modules_after(["--help"], tmp_path)


@pytest.mark.slow
def test_help_imports_no_pydantic(tmp_path: Path) -> None:
    assert "pydantic" not in modules_after(["--help"], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("code", ["raise RuntimeError('no luck')", "import sys; sys.exit(5)"])
def test_a_plugin_that_raises_or_exits_on_import_breaks_nothing(mft: Run, tmp_path: Path, code: str) -> None:
    write_distribution(tmp_path, "sick", code)
    helped = mft("--help", PYTHONPATH=str(tmp_path))
    assert (helped.returncode, helped.stderr) == (0, "")
    done = mft("list", "--json", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert [row["status"] for row in rows if row["plugin"] == "sick"] == ["broken"]
    assert {"famo", "balanced"} <= {row["name"] for row in rows if row["status"] == "ok"}


def test_every_bundled_plugin_works() -> None:
    plugins = discover(Workspace())
    assert {origin.id.replace("-", "_") for origin in plugins.loaded.values() if origin.distribution == "mft"} == set(
        PLUGINS
    )


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_and_used_by_a_bundled_plugin(hook: str) -> None:
    assert re.search(rf"\| `{hook}` \|", (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8"))
    used_by = [origin.id for origin, _ in discover(Workspace()).implementations(hook) if origin.distribution == "mft"]
    assert used_by


@pytest.mark.slow
def test_a_class_name_of_the_core_and_the_command_line_has_one_meaning() -> None:
    places: dict[str, list[Path]] = {}
    for path in (path for package in ("mft_core", "mft_cli") for path in (REPOSITORY / package).rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(path)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
