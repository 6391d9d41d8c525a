"""`mft data make` a second time in the same folder: going on, left alone, refused, asked again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.exercise_writer import exercise_writer
from helpers.fake_endpoint import FakeEndpoint, reply, says
from helpers.making_commands import command, content
from helpers.running import mft


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with exercise_writer() as one:
        yield one


def test_a_server_that_refuses_everything_ends_it_and_is_asked_again_on_demand(
    endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    well, endpoint.otherwise = endpoint.otherwise, says('{"error": {"message": "no such field"}}', 400)
    few = ("--n", "4", "--concurrency", "1")
    assert mft(*command(endpoint, tmp_path / "made", *few)) == 1
    told = capsys.readouterr().err
    assert "refused all of the first 8 questions; the last: status 400: no such field" in told
    assert "--ask-again" in told
    assert len(endpoint.requests) == 8
    endpoint.otherwise = well
    assert mft(*command(endpoint, tmp_path / "made", *few)) == 0
    told = capsys.readouterr().out
    assert "8 answers taken from the journal; earlier calls spent 8 requests" in told
    asked = len(endpoint.requests)
    assert f"spent: {asked - 8} requests" in told
    assert f"with earlier calls: {asked} requests" in told
    assert "8 came to nothing by the endpoint or the method" in told
    assert "--ask-again" in told
    assert mft(*command(endpoint, tmp_path / "made", "--n", "5", "--concurrency", "1", "--ask-again")) == 0
    told = capsys.readouterr().out
    assert f"spent: {len(endpoint.requests) - asked} requests" in told
    assert len(endpoint.requests) - asked >= 3
    assert "came to nothing" not in told


def test_a_rerun_that_ends_early_leaves_what_was_written(endpoint: FakeEndpoint, tmp_path: Path) -> None:
    assert mft(*command(endpoint, tmp_path / "made", "--n", "8")) == 0
    before = content(tmp_path / "made")
    endpoint.otherwise = says('{"error": {"message": "gone"}}', 404)
    (tmp_path / "made" / ".making" / "requests.jsonl").unlink()
    assert mft(*command(endpoint, tmp_path / "made", "--n", "9")) == 1
    assert content(tmp_path / "made") == before


def test_a_making_that_is_whole_is_left_alone(
    endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.plan = [says("", 500)] * 6  # of a seed that might come to something the next time
    folder = tmp_path / "made"
    assert mft(*command(endpoint, folder, "--n", "4", "--concurrency", "1")) == 0
    before, asked = content(folder), len(endpoint.requests)
    capsys.readouterr()
    assert mft(*command(endpoint, folder, "--n", "4")) == 0
    assert mft(*command(endpoint, folder, "--n", "4", "--dry-run")) == 0
    assert capsys.readouterr().out.count("4 records are in") == 2
    assert mft(*command(endpoint, folder, "--n", "4", "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kept"], told["ended"], told["spending_now"]["requests"]) == (4, "enough", 0)
    shutil.rmtree(folder / ".making")
    assert mft(*command(endpoint, folder, "--n", "4")) == 0
    assert (content(folder), len(endpoint.requests)) == (before, asked)
    capsys.readouterr()
    assert mft(*command(endpoint, folder, "--n", "5")) == 0
    assert "the journal of earlier calls is gone" in capsys.readouterr().out


def test_records_of_other_settings_and_changed_ones_stay_unless_they_are_to_be_replaced(
    endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, fixed = tmp_path / "made", ("--n", "3", "--set", "method.wording=written")
    assert mft(*command(endpoint, folder, "--n", "3")) == 0
    before, asked = content(folder), len(endpoint.requests)
    for more in (fixed, ("--n", "2"), (*fixed, "--dry-run")):
        assert mft(*command(endpoint, folder, *more)) == 2
    assert "method.wording: 'refined' there, 'written' now" in capsys.readouterr().err
    assert (content(folder), len(endpoint.requests)) == (before, asked)
    assert mft(*command(endpoint, folder, *fixed, "--replace")) == 0
    assert content(folder) != before
    with (folder / "train.jsonl").open("a") as stream:
        stream.write("{}\n")
    assert mft(*command(endpoint, folder, *fixed)) == 2
    assert "train.jsonl is not as the making wrote it" in capsys.readouterr().err


def test_what_comes_to_nothing_ends_soon_and_more_patience_goes_on(
    endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.otherwise = says(reply("1. Write a function, as you like it, without any code."))
    flags = ("--n", "2", "--set", "method.wording=fixed")
    assert mft(*command(endpoint, tmp_path / "made", *flags, "--set", "patience=12")) == 1
    assert len(endpoint.requests) == 12
    told = " ".join(capsys.readouterr().out.split())
    assert "12 refused in a row, of these 12 by maker: no code block, such as: solution: none of python" in told
    assert "--set patience=24" in told
    assert mft(*command(endpoint, tmp_path / "made", *flags, "--set", "patience=20")) == 1
    assert len(endpoint.requests) == 20
