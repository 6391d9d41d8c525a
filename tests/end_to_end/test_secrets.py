"""Secrets planted in every place that a run reads from; no file of the run and no line of output holds one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from helpers import running
from helpers.running import arguments, write_rows, write_tasks

SECRETS = {
    "HUB_TOKEN": "correct-horse-battery",
    "DB_PASSWORD": 'it\'s "quoted" & <odd>',
    "SERVICE_KEY": "clé-très-secrète",
    "MY_SECRET": "swordfish/1234+5678==",
}
FORMS = [
    "hf_abcdefghijklmnopqrstuvwxyz012345",
    "sk-proj-abcdefghijklmnopqrstuvwx",
    "AKIAIOSFODNN7EXAMPLE",
    "mZ1hdYtjqTbLqXpr0a3ZxA",
    "someone:openness",
]
TEXT = f"{FORMS[0]} {FORMS[1]} {FORMS[2]} Bearer {FORMS[3]} https://{FORMS[4]}@host/path"
PLUGIN = """
import os

from mft_core.hookspecs import Component, hookimpl
from mft_core.interfaces import Callback, Loss, LossOptions

ALL = " ".join(os.environ[name] for name in ("HUB_TOKEN", "DB_PASSWORD", "SERVICE_KEY", "MY_SECRET")) + " TEXT"


@hookimpl
def mft_on_event(event):
    raise RuntimeError("listener " + ALL)


@hookimpl
def mft_losses():
    return [Component("paid", "leaky:Paid", "asks a service")]


@hookimpl
def mft_callbacks():
    return [Component("leaking", "leaky:Leaking", "tells everything")]


class PaidOptions(LossOptions):
    token: str = ""


class Paid(Loss[PaidOptions]):
    def task_weights(self):
        assert self.options.token == os.environ["HUB_TOKEN"]
        return self.counts.importance / self.counts.importance.sum()


class Leaking(Callback):
    def start(self, context):
        super().start(context)
        context.log.emit("score", 0, task=ALL, metric=ALL, value=1.0)
        raise ValueError("callback " + ALL)
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    path = tmp_path / "leaky.py"
    path.write_text(PLUGIN.replace("TEXT", TEXT), encoding="utf-8")
    return path


def leaks(folder: Path, *outputs: str) -> list[str]:
    """Where a secret stands, as it is or as JSON, HTML or Python write it."""
    written = {form for secret in SECRETS.values() for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1])}
    written |= {*FORMS, *(secret.replace("&", "&amp;").replace("<", "&lt;") for secret in SECRETS.values())}
    contents = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    contents |= {f"output {number}": text.encode() for number, text in enumerate(outputs)}
    return [
        f"{secret} in {place}"
        for place, content in contents.items()
        for secret in written
        if secret.encode() in content
    ]


def test_no_secret_leaves_a_run(
    leaky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    data = write_tasks(tmp_path / "data")
    roles = [
        {"messages": [{"role": role, "content": "x"}, {"role": "assistant", "content": "y"}]}
        for role in (*SECRETS.values(), *FORMS[:3], TEXT)
    ]
    write_rows(data / "copy" / "train-more.jsonl", roles)
    run = tmp_path / "run"
    more = ["--plugin", str(leaky), "--steps", "2", "--loss", "paid", "--set", "loss.token=env:HUB_TOKEN"]
    more += ["--set", "data.max_bad=0.9", "--set", 'train.callbacks=["leaking", "report"]']
    process = running.start_mft(arguments(data, run, *more))
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    monkeypatch.chdir(tmp_path)
    commands = [
        ("check", "--plugin", str(leaky), str(run / "recipe.toml")),
        ("eval", str(run), "--on", "loss", "--plugin", str(leaky), "--json"),
        ("prepare", *arguments(data, tmp_path / "prepared", *more)[1:]),
    ]
    assert [running.mft(*command) for command in commands] == [0, 0, 0]
    assert leaks(run, printed, *capfd.readouterr()) + leaks(tmp_path / "prepared") == []
    assert 'token = "env:HUB_TOKEN"' in (run / "recipe.toml").read_text(encoding="utf-8")
    metrics = (run / "metrics.jsonl").read_text(encoding="utf-8")
    assert "leaky failed on the event 'start'" in metrics
    assert "the callback leaking failed" in metrics
    assert len((run / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()) == len(roles)


def test_a_plugin_that_tells_secrets_where_it_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    broken = tmp_path / "broken.py"
    broken.write_text(f"import os\nraise RuntimeError(str(dict(os.environ)) + {TEXT!r})\n", encoding="utf-8")
    calls = [("list",), ("list", "--json"), ("doctor",), ("doctor", "--json"), ("run", "--steps", "1")]
    monkeypatch.chdir(tmp_path)
    for call in calls:
        running.mft(*call, "--plugin", str(broken))
        outputs = capfd.readouterr()
        assert "RuntimeError" in "".join(outputs)
        assert leaks(tmp_path / "nothing", *outputs) == []


def test_a_secret_in_a_recipe_is_refused(mft: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'[model]\nbase = "https://{FORMS[4]}@host/model"\n', encoding="utf-8")
    done = mft("run", str(recipe), "--output", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "model.base holds a secret" in done.stderr
    assert "env:" in done.stderr
    assert leaks(tmp_path / "run", done.stdout, done.stderr) == []
    assert not (tmp_path / "run").exists()
