"""A making in its folder: one process at a time, nobody else's files, everything checked before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.exercise_writer import exercise_writer
from helpers.fake_endpoint import FakeEndpoint, says
from mft_core.data.readers import Readers
from mft_core.errors import MftError, UsageError
from mft_core.making.made import MakingProgress
from mft_core.making.making import check_making, open_making
from mft_core.making.recipe import MakeRecipe
from mft_core.registry.catalog import Catalog
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return discover(Workspace()).catalog


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with exercise_writer() as one:
        yield one


def recipe(endpoint: FakeEndpoint, **values: Any) -> MakeRecipe:
    model = {"endpoint": endpoint.url, "name": "writer-1", "first_pause": 0, "concurrency": 1}
    # What is run in the sandbox has tests of its own.
    quick = {"rouge": 0.95, "execution": False}
    return MakeRecipe.model_validate({"n": 4, "model": model, "filters": quick, **values})


def nothing(progress: MakingProgress) -> None:
    """Shows nothing."""


def test_it_writes_where_it_says(tmp_path: Path, endpoint: FakeEndpoint, catalog: Catalog) -> None:
    folder = tmp_path / "new" / "made"
    with open_making(recipe(endpoint), folder, catalog, Readers(catalog)) as making:
        assert len(making.run(nothing).kept) == 4
        assert making.spending.requests == len(endpoint.requests)
    assert {path.name for path in folder.iterdir()} == {
        ".making",
        "train.jsonl",
        "valid.jsonl",
        "make.json",
        "report.md",
    }
    assert (folder / ".making" / "making.toml").is_file()


def test_two_at_once_in_one_folder_are_refused(tmp_path: Path, endpoint: FakeEndpoint, catalog: Catalog) -> None:
    readers = Readers(catalog)
    with (
        open_making(recipe(endpoint), tmp_path / "made", catalog, readers),
        pytest.raises(MftError, match="is writing to"),
        open_making(recipe(endpoint), tmp_path / "made", catalog, readers),
    ):
        raise AssertionError("two at once")


def test_others_files_are_left_alone(tmp_path: Path, endpoint: FakeEndpoint, catalog: Catalog) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with (
        pytest.raises(UsageError, match=r"holds notes\.txt"),
        open_making(recipe(endpoint), tmp_path, catalog, Readers(catalog)),
    ):
        raise AssertionError("among others' files")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_where_it_fails_what_was_kept_is_written(tmp_path: Path, endpoint: FakeEndpoint, catalog: Catalog) -> None:
    folder = tmp_path / "made"
    seen: list[MakingProgress] = []

    def stop(progress: MakingProgress) -> None:
        seen.append(progress)
        if progress.kept == 2:
            endpoint.otherwise = says('{"error": {"message": "no such model"}}', 404)

    with (
        open_making(recipe(endpoint), folder, catalog, Readers(catalog)) as making,
        pytest.raises(MftError, match="no such model"),
    ):
        making.run(stop)
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) == seen[-1].kept >= 2


def test_wrong_options_leave_no_folder(tmp_path: Path, endpoint: FakeEndpoint, catalog: Catalog) -> None:
    wrong = recipe(endpoint, method={"name": "exercises", "per_pont": 3})
    with (
        pytest.raises(UsageError, match="did you mean 'per_point'"),
        open_making(wrong, tmp_path / "made", catalog, Readers(catalog)),
    ):
        raise AssertionError("with a wrong option")
    assert not (tmp_path / "made").exists()


def test_less_does_not_take_the_place_of_more(tmp_path: Path, endpoint: FakeEndpoint, catalog: Catalog) -> None:
    folder, readers = tmp_path / "made", Readers(catalog)
    with open_making(recipe(endpoint), folder, catalog, readers) as making:
        making.run(nothing)
    before = (folder / "train.jsonl").read_bytes()
    (folder / ".making" / "requests.jsonl").unlink()
    few = recipe(endpoint, n=9)
    few = few.model_copy(update={"model": few.model.model_copy(update={"budget_requests": 6})})
    with open_making(few, folder, catalog, readers) as making:
        made = making.run(nothing)
        assert len(made.kept) == 2
        assert not making.replaces(made)
    assert (folder / "train.jsonl").read_bytes() == before
    with open_making(few, folder, catalog, readers, replace=True) as making:
        assert not making.replaces(making.run(nothing))  # a larger budget would give more
    assert (folder / "train.jsonl").read_bytes() == before
    with open_making(recipe(endpoint, n=2), folder, catalog, readers, replace=True) as making:
        assert making.replaces(making.run(nothing))
    assert (folder / "train.jsonl").read_bytes() != before


def test_records_of_other_settings_are_replaced_on_demand_alone(
    tmp_path: Path, endpoint: FakeEndpoint, catalog: Catalog
) -> None:
    folder, readers = tmp_path / "made", Readers(catalog)
    with open_making(recipe(endpoint), folder, catalog, readers) as making:
        making.run(nothing)
    asked, before = len(endpoint.requests), (folder / "train.jsonl").read_bytes()
    other = recipe(endpoint, method={"name": "exercises", "wording": "written"})
    with pytest.raises(UsageError, match="made otherwise"), open_making(other, folder, catalog, readers):
        raise AssertionError("over records of other settings")
    assert (len(endpoint.requests), (folder / "train.jsonl").read_bytes()) == (asked, before)
    with open_making(other, folder, catalog, readers, replace=True) as making:
        assert len(making.run(nothing).kept) == 4
    assert (folder / "train.jsonl").read_bytes() != before


def test_where_there_is_nothing_to_make_records_of_it_says_what_was_left_out(
    tmp_path: Path, endpoint: FakeEndpoint, catalog: Catalog
) -> None:
    (tmp_path / "double.py").write_text("def double(number):\n    twice = number\n    twice *= 2\n    return twice\n")
    wanted = recipe(endpoint, method={"name": "translate", "code": str(tmp_path)})
    with pytest.raises(MftError, match=r"nothing to make records of; left out: code: Python already \(1\)"):
        check_making(wanted, catalog, Readers(catalog))
