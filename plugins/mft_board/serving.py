"""The server of the board: its address, its token, its start and its end."""

from __future__ import annotations

import errno
import html
import json
import os
import secrets
import shlex
import shutil
import socket
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from mft_core.errors import MftError, UsageError

EXTRA = "mft[board]"
SECONDS_TO_END = 2


def serve(folders: Sequence[Path], host: str, port: int, opens: bool, as_json: bool) -> None:
    """Show the board until it is interrupted.

    Args:
        folders: what is shown lies in these.
        host, port: where to listen.
        opens: start a browser, where there is a screen.
        as_json: print the address for a program.

    Raises:
        UsageError: a folder is not there, or the address cannot be listened at.
        MftError: the extra is not installed.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn
    except ImportError as error:
        hint = f"Install it: pip install {shlex.quote(EXTRA)}"
        raise MftError(f"`mft board` needs {error.name}, which is not installed.", hint) from error
    from mft_board.application import guarded
    from mft_board.places import open_places

    places = open_places(folders)
    listener = listen(host, port)
    port = listener.getsockname()[1]
    token = secrets.token_urlsafe(32)
    app = guarded(places, token, host, f"mft_board_{port}")
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=SECONDS_TO_END
    )
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/?token={token}"
    _tell(address, token, port, as_json)
    if opens and _has_screen():
        threading.Thread(target=_open_browser, args=(address,), daemon=True).start()
    _until_interrupted(uvicorn.Server(config), listener)
    if not as_json:
        typer.echo("The board has ended.")


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        UsageError: it cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise UsageError(f"--host {host}: there is no such address ({error.strerror}).", "As in 127.0.0.1.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            hint = (
                f"Is another board running there? Choose another one, --port {port + 1}, or any that is free: --port 0"
            )
            raise UsageError(f"Port {port} of {host} is taken.", hint) from error
        hint = "Ports below 1024 need rights; --host is an address of this machine."
        raise UsageError(f"The board cannot listen at {host}, port {port}: {error.strerror}.", hint) from error
    return listener


def _tell(address: str, token: str, port: int, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"url": address, "token": token, "port": port, "pid": os.getpid()}))
    else:
        typer.echo(f"mft board: {address}")
        if os.environ.get("SSH_CONNECTION"):
            typer.echo(
                f"From your own machine: ssh -L {port}:127.0.0.1:{port} THIS_MACHINE, then open that link there."
            )
        typer.echo("Whoever has the link sees your runs and data. Ctrl-C ends it.")
    sys.stdout.flush()


def _has_screen() -> bool:
    """Whether a browser would show itself to whoever typed the command."""
    if not sys.stdout.isatty() or os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform == "darwin" or any(name in os.environ for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _open_browser(address: str) -> None:
    """By a file that only its owner reads: the arguments of a process, and with them the token, everybody can see."""
    folder = Path(tempfile.mkdtemp(prefix="mft-board-"))
    page = folder / "open.html"
    page.write_text(f'<meta http-equiv="refresh" content="0;url={html.escape(address)}">', encoding="utf-8")
    webbrowser.open(page.as_uri())
    timer = threading.Timer(60.0, shutil.rmtree, (folder,), {"ignore_errors": True})
    timer.daemon = True
    timer.start()


def _until_interrupted(server: object, listener: socket.socket) -> None:
    run: Callable[..., None] = server.run  # type: ignore[attr-defined]
    try:
        run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn raises it again when it has ended
        pass
    finally:
        listener.close()
