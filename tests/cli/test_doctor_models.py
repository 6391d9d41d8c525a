"""`mft doctor --models`."""

from __future__ import annotations

import json

import pytest

from helpers.running import mft


@pytest.mark.slow
def test_it_says_what_becomes_of_each_model_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ("gpt2", "bloom", "bart")
    only = [part for name in wanted for part in ("--only", name)]
    assert mft("doctor", "--models", *only) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "[1/3] refused bart: A bart checkpoint is an encoder-decoder" in out
    assert "[2/3] padded bloom (auto): BloomForCausalLM cannot run on packed rows" in out
    assert "[3/3] packed gpt2 (auto)" in out
    assert "2 of 3 causal language models" in out


@pytest.mark.slow
def test_programs_read_it_as_json_and_people_its_progress(capsys: pytest.CaptureFixture[str]) -> None:
    assert mft("doctor", "--models", "--only", "gpt2", "--json") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["counts"] == {"packed": 1, "padded": 0, "refused": 0, "failed": 0, "untried": 0}
    (model,) = found["models"]
    assert (model["model_type"], model["adapter"], model["result"], model["reason"]) == ("gpt2", "auto", "packed", "")
    assert found["versions"]["transformers"]
    assert "[1/1] packed" in captured.err


def test_wrong_names_and_flags_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert mft("doctor", "--models", "--only", "gtp2") == 2
    assert "gpt2" in capsys.readouterr().err
    assert mft("doctor", "--only", "gpt2") == 2
    assert "--models" in capsys.readouterr().err
