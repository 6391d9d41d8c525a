"""`mft doctor`: is this installation well?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft_cli.display import show_json
from mft_cli.session import DebugOption, JsonOption, PluginOption, Session
from mft_core.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from mft_core.registry.discovery import Plugins

PACKAGES = (
    "torch",
    "triton",
    "transformers",
    "peft",
    "accelerate",
    "bitsandbytes",
    "pluggy",
    "typer",
    "pydantic",
    "numpy",
)


def doctor(
    context: typer.Context,
    models: Annotated[
        bool, typer.Option("--models", help="Try every causal language model of transformers instead; takes minutes.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="TYPE", help="With --models: this model_type only; may be given several times."),
    ] = None,
    json_output: JsonOption = False,
    plugin: PluginOption = None,
    debug: DebugOption = False,
) -> None:
    """Check this installation: versions, devices, plugins and their tracebacks.

    Every component is imported. Exits with 1 if a plugin or a component is broken.
    """
    session: Session = context.obj
    if only and not models:
        raise UsageError("--only chooses among models, which are not tried.", "Add --models.")
    plugins = session.add_files(plugin)
    if models:
        from mft_cli.doctor_models import show_models

        return show_models(plugins, plugin or (), only or (), json_output)
    findings = examine(plugins)
    if json_output:
        show_json(findings)
    else:
        _print(findings)
    if not findings["healthy"]:
        raise typer.Exit(1)
    return None


def examine(plugins: Plugins) -> dict[str, Any]:
    """Everything `mft doctor` tells, as JSON values."""
    import platform
    import sys

    from mft_cli.versions import package_version
    from mft_core import __version__
    from mft_core.support.paths import cache_folder

    components = _components(plugins)
    rows = _plugins(plugins)
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "mft": __version__,
        "packages": {name: package_version(name) for name in PACKAGES},
        "devices": _devices(),
        "cache": str(cache_folder()),
        "workspace": str(plugins.workspace.path or ""),
        "unknown_plugin_ids": list(plugins.unknown_ids),
        "plugins": rows,
        "components": components,
        "healthy": not any(row["status"] == "broken" for row in (*rows, *components)),
    }


def _devices() -> list[dict[str, Any]]:
    """The processor, then every CUDA device; memory in GiB."""
    import os

    try:
        import torch
    except Exception as error:  # noqa: BLE001 - a broken torch is a finding, not a reason to stop looking
        return [{"name": "cpu", "problem": f"torch cannot be imported: {error}"}]
    from mft_core.models.precision import computes_in_bfloat16

    bfloat16 = computes_in_bfloat16(torch.device("cpu"))
    devices: list[dict[str, Any]] = [
        {"name": "cpu", "cores": os.cpu_count(), "threads": torch.get_num_threads(), "bfloat16": bfloat16}
    ]
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        properties = torch.cuda.get_device_properties(index)
        memory = round(properties.total_memory / 2**30, 1)
        devices.append({"name": f"cuda:{index}", "model": properties.name, "memory_gib": memory})
    return devices


def _plugins(plugins: Plugins) -> list[dict[str, str]]:
    partly = {plugin.origin.id for plugin in plugins.broken if plugin.part}
    found = [(origin, "ok", "", "") for origin in plugins.loaded.values() if origin.id not in partly]
    found += [(plugin.origin, "broken", plugin.reason_and_part, plugin.traceback) for plugin in plugins.broken]
    found += [(plugin.origin, "disabled", plugin.reason, "") for plugin in plugins.disabled]
    return [
        {
            "plugin": origin.id,
            "distribution": origin.distribution,
            "version": origin.version,
            "status": status,
            "reason": reason,
            "traceback": details,
        }
        for origin, status, reason, details in found
    ]


def _components(plugins: Plugins) -> list[dict[str, str]]:
    """Every component with its status: "ok", "unavailable" (a module it requires is missing) or "broken"."""
    from mft_core.errors import MftError
    from mft_core.registry.catalog import load_entry

    rows = []
    for entry in plugins.catalog.entries:
        status, reason = "ok", ""
        try:
            load_entry(entry)
        except MftError as error:
            status, reason = "unavailable" if entry.missing else "broken", str(error)
        rows.append(
            {"kind": entry.kind, "name": entry.name, "plugin": entry.plugin, "status": status, "reason": reason}
        )
    return rows


def _print(findings: dict[str, Any]) -> None:
    from rich.text import Text

    from mft_cli.display import console

    out = console()
    facts = {
        "mft": findings["mft"],
        "python": f"{findings['python']} ({findings['executable']})",
        "platform": findings["platform"],
        "packages": ", ".join(f"{name} {version}" for name, version in findings["packages"].items()),
        "devices": "\n           ".join(_device_line(device) for device in findings["devices"]),
        "cache": findings["cache"],
        "workspace": findings["workspace"] or "no plugins.toml here or above",
    }
    for name, fact in facts.items():
        out.print(Text.assemble((f"{name:10} ", "bold"), str(fact)), soft_wrap=True)
    if findings["unknown_plugin_ids"]:
        unknown = ", ".join(findings["unknown_plugin_ids"])
        out.print(Text(f"plugins.toml disables or pins plugins that are not installed: {unknown}", "yellow"))
    _print_statuses(out, findings)
    verdict = ("everything is well", "green") if findings["healthy"] else ("something is broken, see above", "bold red")
    out.print(Text(*verdict))


def _device_line(device: dict[str, Any]) -> str:
    details = ", ".join(f"{key} {value}" for key, value in device.items() if key != "name")
    return f"{device['name']} ({details})"


def _print_statuses(out: Console, findings: dict[str, Any]) -> None:
    """A line per plugin, and per component that cannot be used, with the traceback where there is one."""
    from rich.text import Text

    out.print(Text("plugins", "bold"))
    for row in findings["plugins"]:
        reason = f": {row['reason']}" if row["reason"] else ""
        out.print(Text(f"  {row['status']:11} {row['plugin']} {row['version']}{reason}"), soft_wrap=True)
        if row["traceback"]:
            out.print(Text(row["traceback"], "dim"), soft_wrap=True)
    troubled = [row for row in findings["components"] if row["status"] != "ok"]
    out.print(Text.assemble(("components ", "bold"), f"{len(findings['components'])}, {len(troubled)} not usable"))
    for row in troubled:
        out.print(Text(f"  {row['status']:11} {row['kind']}.{row['name']}: {row['reason']}"), soft_wrap=True)
