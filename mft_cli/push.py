"""`mft push`: a run's result as a repository on the Hugging Face Hub."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mft_cli.generate import BaseOption
from mft_cli.session import DebugOption, JsonOption, PluginOption, Session
from mft_core.errors import UsageError

if TYPE_CHECKING:
    from mft_core.support.hub_upload import Repository
    from mft_core.tuning.repository_files import RepositoryFile

MAIN = "main"


def push(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or what `mft export` wrote.")],
    repository: Annotated[str, typer.Argument(metavar="ORG/NAME", help="On the Hub; made if there is none.")],
    format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="adapter or merged; default: what the result is.")
    ] = "",
    public: Annotated[bool, typer.Option("--public/--private", help="Who may see a new repository.")] = False,
    revision: Annotated[str, typer.Option("--revision", metavar="BRANCH", help="Made if there is none.")] = MAIN,
    base_name: Annotated[
        str,
        typer.Option("--base-name", metavar="ORG/NAME", help="The Hub's name of the base, where it is a folder here."),
    ] = "",
    base: BaseOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before files that are there are replaced.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List files and sizes; send nothing.")] = False,
    plugin: PluginOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Push a run's adapter or merged model to the Hugging Face Hub, with a model card.

    In one commit: until that is made, nothing changes there. The token is that of `hf auth login`, or $HF_TOKEN.
    """
    session: Session = context.obj
    catalog = session.use(plugin).opening(run).catalog
    from mft_core.run.push import check_push, files_to_push

    run = run.expanduser()
    check_push(run, repository, format, base_name)
    from mft_cli.display import console, print_line, show_json
    from mft_core.support.hub_upload import HubUpload

    screen = console(stderr=json_output)
    upload = None if dry_run else HubUpload(repository, revision)
    before = upload.look() if upload else None
    if before is not None:
        _check_visibility(before, public)
    with files_to_push(run, repository, catalog, format=format, base_name=base_name, base=base) as files:
        for line in listed(files):
            print_line(screen, line)
        found = {"repository": repository, "revision": revision, "files": {one.name: one.size for one in files}}
        if upload is None or before is None:
            print_line(screen, f"nothing was sent to {repository}: --dry-run")
        else:
            _ask(before, [one.name for one in files], yes)
            done = upload.push(
                before,
                {one.name: one.content for one in files},
                private=not public,
                message=f"Pushed by mft: {run.name}",
            )
            print_line(screen, f"pushed to {done.url}, commit {done.commit}")
            found |= {"url": done.url, "commit": done.commit}
    if json_output:
        show_json(found)


def listed(files: Sequence[RepositoryFile]) -> list[str]:
    """Every file with its size, and all of them."""
    named = [(one.name, one.size) for one in files]
    rows = [*named, (f"in {len(files)} files", sum(one.size for one in files))]
    widest = len(f"{rows[-1][1]:,}")
    return [f"{size:>{widest},} bytes  {name}" for name, size in rows]


def _check_visibility(before: Repository, public: bool) -> None:
    """Let nothing that was to be private become public, nor the other way round.

    Raises:
        UsageError: the repository there is the other of both.
    """
    if before.exists and before.private == public:
        there, wanted = ("private", "--private") if before.private else ("public", "--public")
        raise UsageError(
            f"{before.name} is {there}, and a push leaves it so",
            f"Say {wanted} if that is meant, or change it in its settings on the Hub.",
        )


def _ask(before: Repository, names: Sequence[str], yes: bool) -> None:
    """Have the user agree that files which are there are replaced or deleted.

    Raises:
        UsageError: there is nobody to be asked.
        typer.Exit: the user does not agree.
    """
    from mft_core.support import units

    if not before.files or yes:
        return
    gone = [name for name in before.files if name not in names]
    deleted = f", {len(gone)} of them deleted ({gone[0]}{', ...' if len(gone) > 1 else ''})" if gone else ""
    what = f"{before.name} ({before.revision}) holds {units.counted(len(before.files), 'file')}"
    if not sys.stdin.isatty():
        raise UsageError(f"{what}, which would be replaced{deleted}", "Say --yes if that is meant. Nothing was sent.")
    if not typer.confirm(f"{what}, which will be replaced{deleted}. Go on?", err=True):
        typer.echo("nothing was sent", err=True)
        raise typer.Exit(1)
