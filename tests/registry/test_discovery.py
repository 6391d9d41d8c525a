from __future__ import annotations

import sys
from pathlib import Path

import pytest

from helpers.distributions import write_distribution
from mft_core.errors import UsageError
from mft_core.events import EventLog, read_events
from mft_core.registry.discovery import BrokenPlugin, Plugins, discover
from mft_core.registry.workspace import Workspace

LOSS = """
@hookimpl
def mft_losses():
    return [Component({name!r}, "acme:Loss", "a loss")]
"""
GOOD = LOSS.format(name="sqrt")


def names(plugins: Plugins, plugin: str) -> list[str]:
    return [entry.name for entry in plugins.catalog.entries if entry.plugin == plugin]


def broken(plugins: Plugins, plugin: str) -> BrokenPlugin:
    found = [found for found in plugins.broken if found.origin.id == plugin]
    assert len(found) == 1, plugins.broken
    return found[0]


def test_an_installed_plugin_is_found_with_its_origin(site: Path) -> None:
    write_distribution(site, "acme-losses", GOOD, version="2.1", name="acme-losses-dist")
    (entry,) = [entry for entry in discover(Workspace()).catalog.entries if entry.plugin == "acme-losses"]
    assert (entry.kind, entry.name, entry.distribution, entry.version) == ("loss", "sqrt", "acme-losses-dist", "2.1")


def test_a_distribution_twice_on_the_path_counts_once(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leftover = site.parent / "leftover"
    write_distribution(leftover, "acme", GOOD, version="0.9")
    write_distribution(site, "acme", GOOD, version="1.0")
    monkeypatch.setattr(sys, "path", [*sys.path, str(leftover)])
    plugins = discover(Workspace())
    assert names(plugins, "acme") == ["sqrt"]
    assert plugins.loaded["acme"].version == "1.0"
    assert "acme" not in {found.origin.id for found in plugins.broken}


def test_a_plugin_id_belongs_to_one_distribution(site: Path) -> None:
    write_distribution(site, "acme", GOOD, name="a-first")
    write_distribution(site, "acme", GOOD, name="b-second")
    plugins = discover(Workspace())
    assert plugins.loaded["acme"].distribution == "a-first"
    assert "already taken by a-first" in broken(plugins, "acme").reason


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ValueError('no\\nluck')", "ValueError: no luck"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import sys; sys.exit()", "SystemExit"),
        ("raise BaseException('no luck')", "BaseException: no luck"),
        ("class Stop(KeyboardInterrupt): pass\nraise Stop", "Stop"),
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("x = (", "SyntaxError"),
        ("", "it implements no hook; perhaps @hookimpl is missing"),
        (GOOD.replace("@hookimpl", ""), "it implements no hook"),
        (GOOD.replace("mft_losses", "mft_loses"), "there is no hook 'mft_loses'; did you mean 'mft_losses'?"),
        (GOOD.replace("mft_losses()", "mft_losses(surprise)"), "surprise"),
        ("@hookimpl\ndef mft_losses(): raise SystemExit(1)", "SystemExit: 1"),
        ("@hookimpl\ndef mft_losses(): raise BaseException", "BaseException"),
        ("@hookimpl\ndef mft_losses(): pass", "mft_losses must return a list of Component, not NoneType"),
        ("@hookimpl\ndef mft_losses(): return Component('a', 'b:C', '')", "must return a list of Component"),
        ("@hookimpl\ndef mft_losses(): return ['famo']", "one is 'famo'"),
        (LOSS.format(name="Sqrt Loss"), "'Sqrt Loss' must be lower case"),
        (LOSS.format(name="a/b"), "'a/b' must be lower case"),
        (GOOD.replace("acme:Loss", "acme.Loss"), "'acme.Loss' of 'sqrt' must be 'module:Class'"),
        (GOOD.replace('"a loss"', "None"), "name, target and summary are strings"),
        (GOOD.replace('"a loss"', '"a loss", aliases="root"'), "aliases and requires tuples"),
        (GOOD.replace('"a loss"', '"a loss", aliases=("sqrt",)'), "the name 'sqrt' twice"),
    ],
)
def test_a_broken_plugin_is_left_out_whole_and_the_others_work(site: Path, code: str, reason: str) -> None:
    good_part = "@hookimpl\ndef mft_packers(): return [Component('fine', 'acme:Fine', '')]\n" if "mft_l" in code else ""
    write_distribution(site, "sick", code if "no hook" in reason else good_part + code)
    write_distribution(site, "well", GOOD)
    plugins = discover(Workspace())
    assert reason in broken(plugins, "sick").reason
    assert names(plugins, "sick") == []
    assert "sick" not in plugins.loaded
    assert names(plugins, "well") == ["sqrt"]
    assert "famo" in names(plugins, "mft-losses")


def test_the_traceback_of_a_broken_plugin_names_the_line(site: Path) -> None:
    write_distribution(site, "sick", "def f():\n    raise ValueError('no luck')\nf()")
    assert 'sick.py", line 3, in f' in broken(discover(Workspace()), "sick").traceback


def test_an_interrupt_is_no_plugins_business(site: Path) -> None:
    write_distribution(site, "sick", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover(Workspace())


def test_a_disabled_plugin_is_not_imported(site: Path) -> None:
    write_distribution(site, "acme", GOOD)
    plugins = discover(Workspace(path=Path("here/plugins.toml"), disabled=frozenset({"acme", "acne"})))
    assert names(plugins, "acme") == []
    assert [(found.origin.id, found.reason) for found in plugins.disabled] == [
        ("acme", "disabled in here/plugins.toml")
    ]
    assert "acme" not in sys.modules
    assert plugins.unknown_ids == ("acne",)
    with pytest.raises(UsageError, match="Plugin 'acme' is disabled: disabled in here"):
        plugins.catalog.get("loss", "acme/sqrt")


def test_a_pin_is_applied_before_import(site: Path) -> None:
    write_distribution(site, "acme", GOOD, version="1.5")
    assert names(discover(Workspace(pin={"acme": ">=1,<2"})), "acme") == ["sqrt"]
    del sys.modules["acme"]
    plugins = discover(Workspace(path=Path("plugins.toml"), pin={"acme": ">=2"}))
    assert broken(plugins, "acme").reason == "plugins.toml pins it to '>=2', installed is '1.5'"
    assert "acme" not in sys.modules


def test_another_api_version_is_reported_not_imported(site: Path) -> None:
    write_distribution(site, "acme", GOOD, group="mft.v2")
    plugins = discover(Workspace())
    assert broken(plugins, "acme").reason == "made for plugin API v2, this is v1"
    assert "acme" not in sys.modules


def test_a_plugin_for_several_api_versions_is_used(site: Path) -> None:
    write_distribution(site, "acme", GOOD)
    information = site / "acme-1.0.dist-info" / "entry_points.txt"
    information.write_text("[mft.v2]\nacme = acme_two\n[mft.v1]\nacme = acme\n[mft.versions]\nacme = acme\n")
    plugins = discover(Workspace())
    assert names(plugins, "acme") == ["sqrt"]
    assert "acme" not in {found.origin.id for found in plugins.broken}


def test_one_module_under_two_ids(site: Path) -> None:
    write_distribution(site, "acme", GOOD)
    (site / "acme-1.0.dist-info" / "entry_points.txt").write_text("[mft.v1]\nacme = acme\nzz-again = acme\n")
    plugins = discover(Workspace())
    assert names(plugins, "acme") == ["sqrt"]
    assert "already registered" in broken(plugins, "zz-again").reason


def test_two_plugins_of_one_name_are_both_listed(site: Path) -> None:
    write_distribution(site, "acme", LOSS.format(name="famo"))
    assert [entry.plugin for entry in discover(Workspace()).catalog.of_kind("loss") if entry.name == "famo"] == [
        "acme",
        "mft-losses",
    ]
    preferring = discover(Workspace(prefer={"loss.famo": "acme"}))
    assert preferring.catalog.get("loss", "famo").plugin == "acme"


LOCAL = """
import numpy as np
from mft_core.hookspecs import Component, hookimpl
from mft_core.interfaces import Loss

@hookimpl
def mft_losses():
    return [Component("local-one", "{module}:One", "a loss")]

class One(Loss):
    def task_weights(self):
        return np.ones(1)
"""


def test_a_local_file_is_a_plugin(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "my_local_loss.py"
    path.write_text(LOCAL.format(module="my_local_loss"))
    plugins = discover(Workspace(local={"mine": path}))
    entry = plugins.catalog.get("loss", "mine/local-one")
    assert (entry.distribution, entry.version) == (str(path), "local")
    assert plugins.catalog.build("loss", "local-one").task_weights() == [1.0]
    plugins.add_file(path)
    assert len([entry for entry in plugins.catalog.entries if entry.name == "local-one"]) == 1
    assert "mine" not in {found.origin.id for found in plugins.broken}


def test_a_file_of_the_command_line_gets_its_id_from_its_name(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "my_local_loss.py"
    path.write_text(LOCAL.format(module="my_local_loss"))
    assert names(discover(Workspace(), [path]), "my-local-loss") == ["local-one"]
    assert discover(Workspace(disabled=frozenset({"my-local-loss"})), [path]).disabled[0].origin.version == "local"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("json.py", "would hide the module 'json'"),
        ("my-loss.py", "must be a Python file with a Python name"),
        ("my_loss.txt", "must be a Python file with a Python name"),
        ("missing.py", "there is no file"),
    ],
)
def test_files_that_cannot_be_a_plugin(site: Path, tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / name
    if name != "missing.py":
        path.write_text(LOCAL.format(module=path.stem))
    assert reason in broken(discover(Workspace(local={"mine": path})), "mine").reason


def test_a_local_file_that_raises_leaves_no_module(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "my_sick_loss.py"
    path.write_text("import sys\nsys.exit(1)")
    assert broken(discover(Workspace(), [path]), "my-sick-loss").reason == "SystemExit: 1"
    assert "my_sick_loss" not in sys.modules


@pytest.mark.parametrize("fault", ["SystemExit(1)", "BaseException(1)", "GeneratorExit"])
def test_listeners_see_events_and_a_bad_one_is_reported_once(site: Path, tmp_path: Path, fault: str) -> None:
    write_distribution(site, "deaf", f"@hookimpl\ndef mft_on_event(event): raise {fault}")
    write_distribution(site, "ears", "heard = []\n@hookimpl\ndef mft_on_event(event): heard.append(event.name)")
    listeners = discover(Workspace()).listeners()
    log = EventLog(tmp_path, {plugin: listeners[plugin] for plugin in ("deaf", "ears")})
    log.emit("train", 1)
    log.emit("train", 2)
    assert sys.modules["ears"].heard.count("train") == 2
    warnings = [event["message"] for event in read_events(log.path) if event["event"] == "warning"]
    assert len(warnings) == 1
    assert "deaf" in warnings[0]


def test_a_hook_is_called_for_its_own_plugin_only(site: Path) -> None:
    for plugin in ("one", "two"):
        write_distribution(site, plugin, f"seen = []\n@hookimpl\ndef mft_add_commands(app): seen.append({plugin!r})")
    calls = {origin.id: call for origin, call in discover(Workspace()).implementations("mft_add_commands")}
    calls["two"](app=None)
    assert (sys.modules["one"].seen, sys.modules["two"].seen) == ([], ["two"])
