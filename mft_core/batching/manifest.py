"""prepared.json: what a folder of prepared data holds, sealed by a digest and checked value by value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

SEAL = "sha256"
EntryName = Annotated[str, Field(pattern=r"^[\w-][\w.-]*$")]
SamplesName = Annotated[str, Field(pattern=r"^samples/\d+-(train|valid)\.npy$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Reader(_Part):
    name: str
    options: dict[str, Any]


class _Form(_Part):
    columns: list[list[str]]
    reasoning: str
    preference: str
    render_json: bool
    system: str


class _Side(_Part):
    entry: EntryName
    samples: SamplesName
    paths: list[str]
    form: _Form
    reader: _Reader | None = None


class _Sampling(_Part):
    max_samples: int | None
    valid_fraction: float | None
    max_length: int | None
    repeat: float = Field(gt=0, le=1000)
    watched: bool


class _PreparedTask(_Part):
    name: str
    weight: float = Field(gt=0, allow_inf_nan=False)
    sampling: _Sampling
    report: dict[str, Any]
    train: _Side
    valid: _Side


class _StoredRows(_Part):
    seed: int
    temperature: float
    epochs: int = Field(ge=0)


class _Manifest(_Part):
    format: int
    made_from: dict[str, Any]
    tasks: list[_PreparedTask] = Field(min_length=1)
    rows: _StoredRows
    checksums: dict[str, int]


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with a digest of everything else in it, which a later change by hand does not match."""
    content = {key: value for key, value in manifest.items() if key != SEAL}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return {**content, SEAL: digest}


def check_manifest(manifest: Mapping[str, Any]) -> None:
    """Refuse a manifest that was changed, or whose values no `mft prepare` writes.

    Raises:
        ValueError: what is wrong with it.
    """
    if sealed(manifest) != manifest:
        raise ValueError("it was changed or damaged since it was written: its checksum does not match")
    try:
        _Manifest.model_validate({key: value for key, value in manifest.items() if key != SEAL})
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
