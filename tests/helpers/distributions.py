"""Plugins installed into a folder."""

from __future__ import annotations

import importlib
from pathlib import Path


def write_distribution(
    folder: Path, plugin: str, code: str, *, version: str = "1.0", group: str = "mft.v1", name: str = ""
) -> Path:
    """Install a plugin into `folder`, as pip would: a module and a dist-info with its entry point.

    Args:
        folder: becomes part of sys.path, or of PYTHONPATH.
        plugin: its id; the module's name is the same with underscores.
        code: of the module; "import" lines for hookimpl and Component come before it.
        version: of the distribution.
        group: of the entry point.
        name: of the distribution; by default the plugin's id.
    """
    name = name or plugin
    module = plugin.replace("-", "_")
    information = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (information / "entry_points.txt").write_text(f"[{group}]\n{plugin} = {module}\n")
    (folder / f"{module}.py").write_text("from mft_core.hookspecs import Component, hookimpl\n" + code)
    importlib.invalidate_caches()
    return folder / f"{module}.py"
