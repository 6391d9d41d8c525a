"""What is found below the folders, and that nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.boards import RunningBoard, running_board
from helpers.made_up_runs import write_run
from mft_board.places import AUDIT, COMPARISON, RUN, open_places
from mft_core.errors import UsageError


def titles(kind: str, *folders: Path) -> list[str]:
    return sorted(place.title for place in open_places(folders).all(kind))


def test_runs_comparisons_and_audits_are_told_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "a" / "b" / "run", ["x"])
    write_run(tmp_path / "compare" / "mixed" / "seed-0", ["x"])
    (tmp_path / "compare" / "compare.json").write_text("{}")
    (tmp_path / "compare" / "metrics.jsonl").write_text("")
    (tmp_path / "audit.json").write_text("{}")
    assert titles(RUN, tmp_path) == ["a/b/run", "compare/mixed/seed-0"]
    assert titles(COMPARISON, tmp_path) == ["compare"]
    assert titles(AUDIT, tmp_path) == ["audit.json"]
    assert titles(RUN, tmp_path / "a", tmp_path / "compare") == ["a: b/run", "compare: mixed/seed-0"]
    assert titles(RUN, tmp_path / "a" / "b" / "run") == ["run"]


def test_hidden_folders_checkpoints_and_environments_are_not_entered(tmp_path: Path) -> None:
    for name in (".cache", "checkpoints", "node_modules", "venv"):
        write_run(tmp_path / name / "run", ["x"])
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    assert titles(RUN, tmp_path) == []


def test_a_symbolic_link_out_of_the_folders_leads_nowhere(tmp_path: Path) -> None:
    outside = write_run(tmp_path / "outside" / "secret", ["x"])
    inside = tmp_path / "inside"
    (inside / "linked-file").mkdir(parents=True)
    (inside / "linked-folder").symlink_to(outside)
    (inside / "linked-file" / "metrics.jsonl").symlink_to(outside / "metrics.jsonl")
    (inside / "audit.json").symlink_to("/etc/passwd")
    assert titles(RUN, inside) == []
    assert titles(AUDIT, inside) == []
    run = write_run(inside / "run", ["x"])
    with running_board(inside) as running:
        key = running.key(RUN)
        running.page(f"/runs/{key}")
        Path(run / "metrics.jsonl").unlink()  # swapped behind the board's back, before it looks again
        (run / "metrics.jsonl").symlink_to("/etc/passwd")
        assert "root:" not in running.page(f"/runs/{key}", 404)


def test_a_link_within_the_folders_or_to_a_root_is_followed(tmp_path: Path) -> None:
    write_run(tmp_path / "real" / "run", ["x"])
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert titles(RUN, tmp_path / "link") == ["run"]


@pytest.mark.parametrize(
    "path",
    [
        "/runs/..%2f..%2fetc%2fpasswd", "/runs/../../etc/passwd", "/static/..%2f__init__.py", "/static/../guard.py",
        "/static/%2e%2e/guard.py", "/static/board.css%00", "/runs/%2Fetc%2Fpasswd/part", "/compare/%2e%2e",
    ],
)  # fmt: skip
def test_no_address_leads_out(running: RunningBoard, path: str) -> None:
    text = running.page(path, 404)
    assert "root:" not in text
    assert "import" not in text


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(UsageError, match=r"there is no folder .*rums") as raised:
        open_places([tmp_path / "rums"])
    assert "runs?" in raised.value.hint
