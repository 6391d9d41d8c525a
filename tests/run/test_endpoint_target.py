"""Endpoints as `mft eval` is given them: what names one, what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from helpers.running import mft
from mft_core.errors import UsageError
from mft_core.run.endpoint_target import endpoint_target

HERE = "endpoint:http://127.0.0.1:1/v1#m"


def test_an_endpoint_is_named_without_what_is_secret(tmp_path: Path) -> None:
    target = endpoint_target("endpoint:https://me:pass@host:8/v1#Qwen/Q-7B#2", {"parameters": {"a": 1}}, tmp_path)
    assert (target.url, target.model) == ("https://me:pass@host:8/v1", "Qwen/Q-7B#2")
    assert target.reference == "endpoint:https://host:8/v1#Qwen/Q-7B#2"
    assert target.fingerprint == f'{target.reference} {{"a": 1}}'
    assert target.tasks is None
    target.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["endpoint:", "endpoint:http://h/v1", "endpoint:h/v1#m", "endpoint:ftp://h#m"])
def test_what_names_none_is_explained(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="endpoint:URL#MODEL"):
        endpoint_target(name, {}, tmp_path)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ((HERE,), "which evaluators?"),
        ((HERE, "--on", "loss"), "loss cannot be had of an endpoint: it gives answers, and not how likely each token"),
        ((HERE, "--on", "loss,bleu,humaneval"), "Of these it can be: --on bleu,humaneval"),
        ((HERE, "--on", "bleu", "--data", "."), "--data with an endpoint: its tasks are measured with a tokenizer"),
        ((HERE, "--on", "bleu", "--samples-file", "s"), "--samples-file with an endpoint: these are judged without"),
        ((HERE, "--on", "bleu", "--base", "tiny"), "--base with an endpoint: it is about models on this machine"),
        ((HERE, "--on", "bleu", "--set", "endpoint.timeot=1"), "did you mean 'timeout'"),
        (("endpoint:http://h/v1?key=x#m", "--on", "bleu"), "nothing behind a question mark"),
        (("tiny", "--on", "bleu", "--set", "endpoint.timeout=1"), "expected eval.NAME.OPTION"),
    ],
)
def test_wrong_use_is_explained(
    command: Sequence[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mft("eval", *command) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_several_processes_do_not_ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert mft("eval", HERE, "--on", "bleu") == 2
    assert "several processes would ask the endpoint" in capsys.readouterr().err
