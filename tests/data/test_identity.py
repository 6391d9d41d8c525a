"""What is said of tasks that are others than they were."""

from __future__ import annotations

from pathlib import Path

from helpers.token_data import pair, prepare, task_file
from mft_core.data.identity import Identities, differences, identities, origins, same_validation
from mft_core.records import TaskFiles


def tasks(folder: Path, **sizes: range) -> Identities:
    """Tasks of these questions, in files of their own."""
    files = []
    for name, numbers in sizes.items():
        train = task_file(folder / name / "train.jsonl", [pair(number) for number in numbers])
        files.append(TaskFiles(name, (train,), ()))
    return identities(prepare(files, folder / "cache"))


def test_the_same_samples_elsewhere_are_the_same(tmp_path: Path) -> None:
    one, other = (tasks(tmp_path / name, a=range(30), b=range(40)) for name in ("one", "other"))
    assert one == other
    assert differences(one, other) == []
    assert same_validation(one, other)


def test_other_samples_and_other_counts_are_said(tmp_path: Path) -> None:
    before = tasks(tmp_path / "before", a=range(30), b=range(40))
    longer = tasks(tmp_path / "longer", a=range(33), b=range(40))
    (trained,) = [line for line in differences(before, longer) if "training" in line]
    assert trained == f"task a: {before['a']['train']} training samples -> {longer['a']['train']}"
    others = tasks(tmp_path / "others", a=range(100, 130), b=range(40))
    assert all(line.startswith("task a: ") for line in differences(before, others))
    assert any("others" in line for line in differences(before, others))
    assert not same_validation(before, others)


def test_the_order_of_samples_counts(tmp_path: Path) -> None:
    before = tasks(tmp_path / "before", a=range(30))
    turned = tasks(tmp_path / "turned", a=range(29, -1, -1))
    sizes = before["a"]["train"], before["a"]["valid"]
    assert differences(before, turned) == [
        f"task a: the same {size} {side} samples in another order"
        for size, side in zip(sizes, ("training", "validation"), strict=True)
        if size > 1
    ]
    assert sizes[0] > 1


def test_another_sample_among_the_same_number_is_no_other_order(tmp_path: Path) -> None:
    before = tasks(tmp_path / "before", a=range(30))
    other = tasks(tmp_path / "other", a=range(1, 31))
    assert not any("another order" in line for line in differences(before, other))
    assert differences(before, other)


def test_an_order_is_not_known_of_a_run_from_before_it_was_recorded(tmp_path: Path) -> None:
    before = tasks(tmp_path / "before", a=range(30))
    older = {"a": {key: value for key, value in before["a"].items() if "set" not in key}}
    (line, *_) = differences(older, tasks(tmp_path / "turned", a=range(29, -1, -1)))
    assert line.endswith("others")


def test_tasks_that_were_renamed_added_and_removed_are_told_apart(tmp_path: Path) -> None:
    before = tasks(tmp_path / "before", a=range(30), b=range(40), c=range(50))
    after = tasks(tmp_path / "after", b=range(40), new=range(60), z=range(30))
    assert origins(before, after) == {"b": "b", "z": "a"}
    new, gone = after["new"], before["c"]
    assert differences(before, after) == [
        "task a is now called z",
        f"task new was added: {new['train']} training, {new['valid']} validation samples",
        f"task c was removed: {gone['train']} training, {gone['valid']} validation samples",
    ]
    assert not same_validation(before, after)
    renamed = tasks(tmp_path / "renamed", b=range(40), c=range(50), z=range(30))
    assert same_validation(before, renamed)


def test_what_is_known_of_a_run_from_before_there_were_digests_is_compared(tmp_path: Path) -> None:
    now = tasks(tmp_path / "now", a=range(30), b=range(40))
    before = {name: {"train": task["train"], "valid": task["valid"]} for name, task in now.items()}
    assert differences(before, now) == []
    assert same_validation(before, now)
    assert differences({"a": before["a"]}, now) == [
        f"task b was added: {now['b']['train']} training, {now['b']['valid']} validation samples"
    ]
    assert differences({**before, "c": before["a"]}, {"b": now["b"], "z": now["a"]})[0].startswith("task z was added")
