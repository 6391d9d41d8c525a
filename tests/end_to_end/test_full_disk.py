"""A disk that fills up while a run logs: it says so, and goes on where it was when there is room again."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from helpers.running import arguments, events, mft, settings, start_mft, wait_for_step, write_tasks

MORE = ("--steps", "400", *settings("train.save_every=5", "train.eval_every=0", "output.keep=2"))


def test_a_run_with_chinese_tasks_goes_on_after_its_log_filled_the_disk(small_disk: Path, tmp_path: Path) -> None:
    data, run = write_tasks(tmp_path / "data", {"任务一": 6, "任务二": 6}), small_disk / "run"
    process = start_mft(arguments(data, run, *MORE, *settings("tune.rank=1", 'tune.targets=["q_proj"]')))
    wait_for_step(process, run, 10)
    filling = small_disk / "filling"
    with filling.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(1024))
    output, _ = process.communicate()
    assert process.returncode == 1, output
    assert "written" in output
    assert "--resume" in output
    filling.unlink()
    shutil.copytree(run, tmp_path / "run")
    run = tmp_path / "run"
    log = run / "metrics.jsonl"
    content = log.read_bytes()
    assert content.endswith(b"\n")
    # What older versions left there: a line cut short within a letter.
    log.write_bytes(content + '{"event": "train", "tasks": {"任务'.encode()[:-1])
    assert mft("run", "--resume", "--output", str(run), "--steps", "14", "--force") == 0
    assert [event for event in events(run, "warning") if "cut short" in event["message"]]
    steps = [event["step"] for event in events(run, "train")]
    assert steps == list(range(1, events(run, "end")[-1]["step"] + 1))
