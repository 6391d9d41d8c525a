"""Classes in columns are their names, in every form the datasets library stores them in."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pytest

from mft_readers.class_names import class_namer
from mft_readers.columns import Arrow, Parquet

datasets = pytest.importorskip("datasets")

CLASS = {"names": ["no", "yes"]}


def written(folder: Path) -> list[Path]:
    """The same two rows as Parquet and as what save_to_disk writes."""
    label = datasets.ClassLabel(**CLASS)
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": label,
            "labels": datasets.Sequence(label),
            "object": {"label": label, "text": datasets.Value("string")},
            "sequence": datasets.Sequence({"label": label}),
            "objects": datasets.List({"label": label}),
        }
    )
    rows = {
        "text": ["a", "b"],
        "label": [1, -1],
        "labels": [[0, 1], []],
        "object": [{"label": 1, "text": "1"}, {"label": None, "text": "0"}],
        "sequence": [{"label": [1, 0]}, {"label": []}],
        "objects": [[{"label": 1}, {"label": 0}], []],
    }
    found = datasets.Dataset.from_dict(rows, features=features)
    found.to_parquet(str(folder / "rows.parquet"))
    found.save_to_disk(str(folder / "saved"))
    return [folder / "rows.parquet", *(folder / "saved").glob("*.arrow")]


def test_classes_are_their_names_at_every_depth(tmp_path: Path) -> None:
    expected = [
        {
            "text": "a", "label": "yes", "labels": ["no", "yes"], "object": {"label": "yes", "text": "1"},
            "sequence": {"label": ["yes", "no"]}, "objects": [{"label": "yes"}, {"label": "no"}],
        },
        {
            "text": "b", "label": None, "labels": [], "object": {"label": None, "text": "0"},
            "sequence": {"label": []}, "objects": [],
        },
    ]  # fmt: skip
    files = written(tmp_path)
    assert len(files) == 2
    for path in files:
        reader = (Parquet if path.suffix == ".parquet" else Arrow)(Parquet.Options())
        assert [json.loads(record.text) for record in reader.records(path)] == expected


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {b"pandas": b"{}"},
        {b"huggingface": b"no JSON"},
        {b"huggingface": b"[]"},
        {b"huggingface": b'{"info": {"features": {"label": {"dtype": "int64", "_type": "Value"}}}}'},
        {b"huggingface": b'{"info": {"features": {"label": {"num_classes": 2, "_type": "ClassLabel"}}}}'},
    ],
)
def test_without_classes_nothing_is_renamed(metadata) -> None:
    assert class_namer(pyarrow.schema([("label", pyarrow.int64())], metadata=metadata)) is None


def test_a_number_without_a_name_stays_one() -> None:
    features = {"label": {**CLASS, "_type": "ClassLabel"}}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    name = class_namer(pyarrow.schema([("label", pyarrow.int64())], metadata=metadata))
    assert name is not None
    values = (0, 1, 2, -2, None, "yes")
    assert [name({"label": value})["label"] for value in values] == ["no", "yes", 2, -2, None, "yes"]
