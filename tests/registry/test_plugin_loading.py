"""One plugin at a time: files as modules, and what a plugin may declare."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pluggy
import pytest

from mft_core import hookspecs
from mft_core.errors import MftError
from mft_core.hookspecs import Component, hookimpl
from mft_core.registry.plugin_loading import check_components, check_hooks, installed_plugins, load_file

GOOD = Component("square-root", "acme.losses:Root", "takes roots", aliases=("sqrt",))


def test_installed_plugins_are_told_without_importing_them() -> None:
    found = installed_plugins()
    ids = [origin.id for origin, _ in found if origin.distribution == "mft"]
    assert {"mft-losses", "mft-llama"} <= set(ids)
    assert len({(origin.id, origin.distribution) for origin, _ in found}) == len(found)


def test_a_file_is_a_module_under_its_stem(site: Path) -> None:
    path = site / "my_loss.py"
    path.write_text("value = __name__")
    module = load_file(path)
    assert (module.value, sys.modules["my_loss"]) == ("my_loss", module)


@pytest.mark.parametrize(
    ("name", "said"), [("absent.py", "there is no file"), ("my-loss.py", "Python name"), ("json.py", "would hide")]
)
def test_a_file_that_can_be_no_module_is_refused(name: str, said: str, site: Path) -> None:
    if name != "absent.py":
        (site.parent / name).write_text("")
    with pytest.raises(MftError, match=said):
        load_file(site.parent / name)


def test_a_file_that_raises_leaves_no_module(site: Path) -> None:
    (site / "sick.py").write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        load_file(site / "sick.py")
    assert "sick" not in sys.modules


def registered(plugin: object) -> pluggy.PluginManager:
    manager = pluggy.PluginManager("mft")
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, "acme")
    return manager


def test_a_plugin_implements_hooks_that_there_are() -> None:
    class Right:
        @hookimpl
        def mft_losses(self) -> list[Component]:
            return []

    class Misspelt:
        @hookimpl
        def mft_loses(self) -> list[Component]:
            return []

    check_hooks(registered(Right()), "acme")
    with pytest.raises(MftError, match="no hook 'mft_loses'; did you mean 'mft_losses'"):
        check_hooks(registered(Misspelt()), "acme")
    with pytest.raises(MftError, match="implements no hook"):
        check_hooks(registered(object()), "acme")


def test_well_formed_components_pass() -> None:
    assert check_components("mft_losses", [[GOOD]]) == [GOOD]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ([], "must return a list of Component, not NoneType"),
        ([GOOD], "must return a list of Component, not Component"),
        ([["sqrt"]], "one is 'sqrt'"),
        ([[GOOD, replace(GOOD, name="sqrt", aliases=())]], "the name 'sqrt' twice"),
        ([[replace(GOOD, name="Square Root")]], "must be lower case"),
        ([[replace(GOOD, target="acme.losses.Root")]], "must be 'module:Class'"),
        ([[replace(GOOD, aliases=["sqrt"])]], "aliases and requires tuples"),
    ],
)
def test_others_are_refused_by_what_is_wrong(result: list, said: str) -> None:
    with pytest.raises(MftError, match=said):
        check_components("mft_losses", result)
