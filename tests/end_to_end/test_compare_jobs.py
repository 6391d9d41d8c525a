"""`mft compare --jobs`: runs side by side end as one after another, fail for themselves, and go on after any end."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from helpers.running import events, mft, start_mft, wait_for_step
from helpers.small_comparisons import compared_in, results

pytestmark = pytest.mark.usefixtures("in_comparison")
ARMS = ("--arms", "mixed,famo", "--seeds", "1", "--unseen", "unknown")
HERE = ("--jobs", "1")
"""In this process: each of the others takes seconds to begin."""
PLUGIN = """
import os, signal
from pathlib import Path
from mft_core.errors import MftError
from mft_core.hookspecs import Component, hookimpl
from mft_losses.balanced import Balanced

class Failing(Balanced):
    def before_step(self, *given):
        again("failed", lambda: (_ for _ in ()).throw(MftError("this loss is out of order", "mend it")))
        super().before_step(*given)

class Dying(Balanced):
    def before_step(self, *given):
        again("died", lambda: os.kill(os.getpid(), signal.SIGKILL))
        super().before_step(*given)

def again(name, what):
    mark = Path(__file__).parent / name
    if not mark.exists():
        mark.touch()
        what()

@hookimpl
def mft_losses():
    return [Component(name, f"{__name__}:{name.title()}", "goes wrong once") for name in ("failing", "dying")]
"""


@pytest.fixture(scope="module")
def sequential(comparison: Path) -> dict[str, bytes]:
    return results(compared_in(comparison, *ARMS))


def test_side_by_side_they_come_out_as_one_after_another(sequential, tmp_path: Path, capsys) -> None:
    output = tmp_path / "out"
    assert mft("compare", "recipe.toml", *ARMS, "--jobs", "2", "--output", str(output)) == 0
    assert len(sequential) == 5
    assert results(output) == sequential
    printed = capsys.readouterr().out
    log = (output / "compare.log").read_text().splitlines()
    for label in ("mixed, seed 0", "famo, seed 0"):
        mine = [line.partition(f"Z {label}: ")[2] for line in log if f"Z {label}: " in line]
        assert mine[0] == "begins"
        assert sum(line.startswith("step ") for line in mine) == 5
        assert mine[-1].startswith("finished (")
        assert f"{label}: finished" in printed
    assert sorted(path.name for path in (output / "logs").iterdir()) == ["famo-seed-0.log", "mixed-seed-0.log"]
    assert json.loads((output / "compare.json").read_text())["reading"]["sentences"]


@pytest.mark.usefixtures("workers_are_forked")
def test_a_run_that_fails_is_named_the_others_end_and_the_comparison_goes_on(tmp_path: Path, capsys) -> None:
    (tmp_path / "wrong.py").write_text(PLUGIN)
    more = ("--plugin", str(tmp_path / "wrong.py"), "--set", "train.steps=2", "--output", str(tmp_path / "out"))
    command = ("compare", "recipe.toml", "--arms", "failing,dying,mixed", "--seeds", "1", "--jobs", "2", *more)
    assert mft(*command) == 1
    printed = capsys.readouterr().out
    assert "failing, seed 0: failed: this loss is out of order" in printed
    assert "failing, seed 0: mend it" in printed
    assert "dying, seed 0: failed: its process was ended by SIGKILL" in printed
    log = tmp_path / "out" / "logs" / "failing-seed-0.log"
    assert f"failing, seed 0: its log: {log}" in printed
    assert "this loss is out of order" in log.read_text()
    assert "mixed, seed 0: finished" in printed
    assert "the same command goes on" in printed
    assert not (tmp_path / "out" / "compare.json").exists()
    assert mft(*command, *HERE) == 0
    assert "1 of 3 runs are finished already" in capsys.readouterr().out
    assert (tmp_path / "out" / "compare.json").exists()


@pytest.mark.usefixtures("workers_are_forked")  # those of this process, which goes on; not of the one that is stopped
@pytest.mark.parametrize(("number", "code", "again"), [(signal.SIGKILL, -9, ()), (signal.SIGINT, 130, HERE)])
def test_stopped_in_the_middle_runs_save_and_the_comparison_goes_on(
    sequential, tmp_path: Path, number, code, again
) -> None:
    output = tmp_path / "out"
    command = ["compare", "recipe.toml", *ARMS, "--jobs", "2", "--output", str(output)]
    process = start_mft(command)
    wait_for_step(process, output / "famo" / "seed-0", 2)
    os.kill(process.pid, number)
    process.communicate()
    assert process.returncode == code
    assert not (output / "compare.json").exists()
    # At once: after kill -9 its runs are still about to save, and are waited for.
    assert mft(*command, *again) == 0
    assert results(output) == sequential
    assert events(output / "famo" / "seed-0", "end")[-1]["reason"] == "done"
