"""The table of `mft check` that says what data.max_length costs."""

from __future__ import annotations

import pytest

from helpers.length_costs import made_up_costs
from helpers.running import mft, settings, write_rows
from mft_cli.check_lengths import lengths_worth_a_row, print_lengths


def worth(**tasks: list[int]) -> list[int]:
    return [cost.max_length for cost in lengths_worth_a_row(made_up_costs(tasks))]


def test_lengths_up_to_the_first_that_loses_nothing() -> None:
    assert worth(a=[0] * 5) == []
    assert worth(a=[5, 0, 0, 0, 0]) == [512, 1024]
    assert worth(a=[5, 3, 2, 0, 0]) == [512, 1024, 2048, 4096]
    assert worth(a=[5, 4, 3, 2, 1]) == [512, 1024, 2048, 4096, 8192]


def shown(capsys: pytest.CaptureFixture[str], overlong: str = "drop", **tasks: list[int]) -> list[str]:
    print_lengths(made_up_costs(tasks, overlong))
    return capsys.readouterr().out.splitlines()


def test_the_table_names_the_task_that_loses_most(capsys) -> None:
    lines = shown(capsys, one=[1, 0, 0, 0, 0], other=[9, 5, 1, 0, 0])
    assert "What data.max_length costs (the model knows 2,048 positions)" in lines[0]
    assert "cut" not in lines[1]
    assert [line.split()[0] for line in lines[2:]] == ["512", "1,024", "2,048", "4,096"]
    assert "5.0%" in lines[2]
    assert "other (9.0%)" in lines[2]
    assert "(now)" in lines[3]
    assert "~7" in lines[4]
    assert "~" not in lines[2]


def test_nothing_lost_says_nothing(capsys) -> None:
    assert shown(capsys, one=[0] * 5) == []


def test_cut_records_have_a_column(capsys) -> None:
    lines = shown(capsys, "truncate", one=[4, 2, 0, 0, 0])
    assert "cut" in lines[1]
    assert "(4.0%)" not in lines[2], "there is no other task"


def test_another_kind_of_picture_is_refused_before_anything_is_done(tmp_path, capsys) -> None:
    assert mft("check", "nosuch.toml", "--picture", "lengths.jpg") == 2
    assert ".png and .svg" in capsys.readouterr().err


@pytest.mark.slow
def test_a_hundred_tasks_take_a_few_lines(tmp_path, capsys) -> None:
    for number in range(100):
        answers = ["word " * size for size in (3, 5 * number, 20 * number)]
        write_rows(tmp_path / f"task-{number}.jsonl", [{"prompt": "q", "response": f"{number} {a}"} for a in answers])
    assert mft("check", "--model", "llama", "--data", str(tmp_path), *settings("model.dtype=float32")) == 0
    out = capsys.readouterr().out
    table = out[out.index("What data.max_length costs") :].splitlines()
    end = next(number for number, line in enumerate(table) if "Expected memory" in line)
    assert 4 <= end <= 8
