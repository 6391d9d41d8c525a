from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.distributions import write_distribution
from mft_cli.app import run_command_line
from mft_cli.commands import COMMANDS, load_command
from mft_core import __version__
from mft_core.models import precision
from mft_core.registry.kinds import KINDS

COMMAND = """
import typer
from mft_core.errors import MftError

@hookimpl
def mft_add_commands(app):
    @app.command()
    def toot(context: typer.Context, how: str = "fine"):
        "Toot."
        if how == "known":
            raise MftError("no horn", "buy a horn")
        if how == "unknown":
            raise ZeroDivisionError("sk-abcdefghijklmnopqrstuvwx")
        if how == "interrupted":
            raise KeyboardInterrupt
        if how == "exit":
            raise typer.Exit(7)
        print("tooted", len(context.obj.plugins.loaded) > 0)
"""
LAZY_TYPER = """
@hookimpl
def mft_add_commands(app):
    import typer

    @app.command()
    def toot(context: "typer.Context"):  # as every annotation is under `from __future__ import annotations`
        print("tooted")
"""
LOSS = """
@hookimpl
def mft_losses():
    return [Component("famo", "acme:Loss", "another famo"), Component("far", "acme:Loss", "x", requires=("no_such",))]
"""
Captured = pytest.CaptureFixture[str]


def listed(capsys: Captured, *arguments: str) -> list[dict[str, str]]:
    assert run_command_line(["list", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_version_and_help(site: Path, capsys: Captured) -> None:
    assert run_command_line(["--version"]) == 0
    assert capsys.readouterr().out == f"mft {__version__}\n"
    assert run_command_line(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("list", "show", "doctor"))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_a_commands_own_help_says_first(name: str) -> None:
    assert COMMANDS[name].summary == " ".join((load_command(name).help or "").partition("\n\n")[0].split())


def test_list_has_every_bundled_kind_in_one_array(site: Path, capsys: Captured) -> None:
    rows = listed(capsys)
    assert all(set(row) == {"kind", "name", "plugin", "version", "summary", "status"} for row in rows)
    famo = next(row for row in rows if row["name"] == "famo")
    assert (famo["kind"], famo["plugin"], famo["version"], famo["status"]) == ("loss", "mft-losses", __version__, "ok")
    assert {row["kind"] for row in rows} <= {*KINDS, "plugin"}


def test_list_of_one_kind(site: Path, capsys: Captured) -> None:
    assert {row["kind"] for row in listed(capsys, "loss")} - {"plugin"} == {"loss"}
    assert run_command_line(["list", "losses"]) == 2
    assert "Did you mean 'loss'" in capsys.readouterr().err


def test_list_shows_what_is_wrong(site: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    write_distribution(site, "acme", LOSS)
    write_distribution(site, "sick", "raise ValueError('no luck')")
    write_distribution(site, "unwanted", LOSS)
    Path("plugins.toml").write_text('disabled = ["unwanted"]', encoding="utf-8")
    rows = {(row["kind"], row["name"]): row for row in listed(capsys) if row["plugin"] in ("acme", "sick", "unwanted")}
    assert {key: row["status"] for key, row in rows.items()} == {
        ("loss", "famo"): "ok",
        ("loss", "far"): "unavailable",
        ("plugin", "sick"): "broken",
        ("plugin", "unwanted"): "disabled",
    }
    assert rows["plugin", "sick"]["summary"] == "ValueError: no luck"
    assert rows["loss", "far"]["summary"] == "x (needs no_such)"
    assert run_command_line(["list"]) == 0
    table = capsys.readouterr().out
    assert "ValueError: no luck" in table
    assert "disabled in" in table


def test_show_gives_options_with_types_and_defaults(site: Path, capsys: Captured) -> None:
    assert run_command_line(["show", "loss.famo", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    options = {option["name"]: option for option in shown["options"]}
    assert options["by"]["type"] == '"tokens" | "samples"'
    assert options["by"]["default"] == "tokens"
    assert options["by"]["description"]
    assert Path(shown["file"]).read_text(encoding="utf-8").splitlines()[shown["line"] - 1].startswith("class ")
    assert run_command_line(["show", "loss.mft-losses/famo"]) == 0
    out = capsys.readouterr().out
    assert shown["file"] in out
    assert '"tokens" | "samples"' in out


def test_show_gives_only_options_that_mean_something(site: Path, capsys: Captured) -> None:
    options = {}
    for name in ("famo", "famo-train"):
        assert run_command_line(["show", f"loss.{name}", "--json"]) == 0
        options[name] = {option["name"] for option in json.loads(capsys.readouterr().out)["options"]}
    assert options["famo"] - options["famo-train"] == {"probe_samples", "every", "rotate_every"}
    assert options["famo-train"] < options["famo"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("famo", "not KIND.NAME"),
        ("loss.", "not KIND.NAME"),
        ("los.famo", "Did you mean 'loss'"),
        ("loss.fmo", "Did you mean 'famo'"),
    ],
)
def test_show_what_there_is_not(site: Path, capsys: Captured, asked: str, expected: str) -> None:
    assert run_command_line(["show", asked]) == 2
    assert expected in capsys.readouterr().err


def test_two_plugins_of_one_name(site: Path, capsys: Captured) -> None:
    write_distribution(site, "acme", LOSS)
    assert run_command_line(["show", "loss.famo"]) == 2
    assert "--loss acme/famo" in capsys.readouterr().err
    Path("plugins.toml").write_text('[prefer]\n"loss.famo" = "mft-losses"', encoding="utf-8")
    assert run_command_line(["show", "loss.famo"]) == 0


def test_doctor_is_content_with_what_works(site: Path, capsys: Captured) -> None:
    Path("plugins.toml").write_text('disabled = ["nobody"]', encoding="utf-8")
    run_command_line(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    assert findings["unknown_plugin_ids"] == ["nobody"]
    assert findings["workspace"] == str(Path("plugins.toml").resolve())
    assert findings["devices"][0]["name"] == "cpu"
    assert findings["packages"]["torch"]
    assert {row["plugin"]: row["status"] for row in findings["plugins"]}["mft-losses"] == "ok"
    assert findings["healthy"] == all(row["status"] != "broken" for row in findings["plugins"] + findings["components"])


@pytest.mark.parametrize("supported", [False, True])
def test_doctor_says_what_decides_the_automatic_dtype(
    supported: bool, site: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "computes_in_bfloat16", lambda device: supported)
    run_command_line(["doctor", "--json"])
    assert json.loads(capsys.readouterr().out)["devices"][0]["bfloat16"] is supported


def test_doctor_prints_tracebacks_and_fails(site: Path, capsys: Captured) -> None:
    write_distribution(site, "sick", "def inner():\n    raise ValueError('no luck')\ninner()")
    write_distribution(site, "acme", LOSS)
    assert run_command_line(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "in inner" in out
    assert "ValueError: no luck" in out
    assert "loss.famo: loss 'famo' of plugin 'acme' cannot be imported: acme has no Loss" in out
    assert "pip install no_such" in out


def test_a_plugins_command_runs(site: Path, capsys: Captured) -> None:
    write_distribution(site, "horn", COMMAND)
    assert run_command_line(["--help"]) == 0
    assert "toot" in capsys.readouterr().out
    assert run_command_line(["toot"]) == 0
    assert capsys.readouterr().out == "tooted True\n"


def test_exit_codes_of_failures(site: Path, capsys: Captured) -> None:
    write_distribution(site, "horn", COMMAND)
    assert run_command_line(["toot", "--how", "known"]) == 1
    assert capsys.readouterr().err == "error: no horn\nbuy a horn\n"
    assert run_command_line(["toot", "--how", "interrupted"]) == 130
    assert run_command_line(["toot", "--how", "exit"]) == 7
    assert run_command_line(["toot", "--colour"]) == 2
    assert run_command_line(["tot"]) == 2
    assert "toot" in capsys.readouterr().err


def test_an_interrupt_before_any_command_is_an_interrupt(site: Path) -> None:
    write_distribution(site, "slow", "raise KeyboardInterrupt")
    assert run_command_line(["list"]) == 130


def test_an_unexpected_error_has_its_traceback_only_with_debug_and_no_secret(site: Path, capsys: Captured) -> None:
    write_distribution(site, "horn", COMMAND)
    assert run_command_line(["toot", "--how", "unknown"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ZeroDivisionError: [redacted]\n")
    assert "--debug" in error
    assert "Traceback" not in error
    assert run_command_line(["--debug", "toot", "--how", "unknown"]) == 1
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert "in toot" in error
    assert "sk-abc" not in error


def test_debug_works_behind_the_command_too(site: Path, capsys: Captured) -> None:
    assert run_command_line(["show", "--debug", "loss.fmo"]) == 2
    assert "Traceback" in capsys.readouterr().err
    assert run_command_line(["show", "loss.fmo"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("@hookimpl\ndef mft_add_commands(app): raise SystemExit(1)", "SystemExit: 1"),
        (COMMAND.replace("def toot", "def list"), "its command 'list' exists already"),
        (COMMAND.replace('how: str = "fine"', 'how: "no such type" = 1'), "Error"),
        (LAZY_TYPER, "name 'typer' is not defined: import"),
    ],
)
def test_bad_commands_are_left_out_and_the_plugins_components_stay(
    site: Path, capsys: Captured, code: str, reason: str
) -> None:
    write_distribution(site, "horn", code + LOSS)
    rows = [row for row in listed(capsys) if row["plugin"] == "horn"]
    assert [(row["kind"], row["status"]) for row in rows] == [
        ("loss", "ok"),
        ("loss", "unavailable"),
        ("plugin", "broken"),
    ]
    assert rows[2]["summary"].startswith("commands: ")
    assert reason in rows[2]["summary"]
    assert run_command_line(["toot"]) == 2
    assert run_command_line(["check", "missing.toml"]) == 2
    assert "warning: commands of plugin 'horn' are broken and left out: " in capsys.readouterr().err


def test_a_plugin_file(site: Path, tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "my_cli_loss.py"
    path.write_text("from mft_core.hookspecs import Component, hookimpl\n" + LOSS)
    assert "my-cli-loss" in {row["plugin"] for row in listed(capsys, "--plugin", str(path))}
    assert "my-cli-loss" not in {row["plugin"] for row in listed(capsys)}
    assert run_command_line(["list", "--plugin", "missing.py"]) == 2
    assert "missing.py: there is no such file" in capsys.readouterr().err


def test_commands_that_work_fail_for_a_broken_plugin_only_if_it_was_asked_for(
    site: Path, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "my_sick_file.py"
    path.write_text("raise ValueError('no luck')")
    assert run_command_line(["run", "--dry-run", "--plugin", str(path)]) == 1
    error = capsys.readouterr().err
    assert "my_sick_file.py cannot be used: ValueError: no luck" in error
    assert "line 1" in error
    write_distribution(site, "sick", "raise ValueError('no luck')")
    assert run_command_line(["check", "missing.toml"]) != 0
    error = capsys.readouterr().err
    assert "warning: plugin 'sick' is broken and left out: ValueError: no luck" in error
    assert "missing.toml" in error


def test_a_bad_workspace_file_is_wrong_use(site: Path, capsys: Captured) -> None:
    Path("plugins.toml").write_text("disable = []", encoding="utf-8")
    assert run_command_line(["list"]) == 2
    assert "Did you mean 'disabled'" in capsys.readouterr().err
