"""Places task data comes from."""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_sources() -> Sequence[Component]:
    """The bundled sources."""
    return [
        Component("folder", "mft_sources.folder:Folder", "a folder of task folders or of files (data.path)"),
        Component(
            "hf", "mft_sources.hub:Hub", "data sets of the Hugging Face Hub: hf:ORG/NAME", requires=("datasets",)
        ),
        Component(
            "stdlib",
            "mft_sources.stdlib:StandardLibrary",
            "five code tasks made from the Python standard library of this machine",
        ),
    ]
