"""The web application: which address shows what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from mft_board.compare_pages import ComparePages
from mft_board.guard import Guard
from mft_board.places import COMPARISON, RUN, Place, Places
from mft_board.rendering import render
from mft_board.run_pages import RunPages
from mft_core.errors import MftError, UsageError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

FILES = Path(__file__).parent / "static"
KINDS = {"board.css": "text/css; charset=utf-8", "board.js": "text/javascript; charset=utf-8"}
REVISION = "X-Revision"


def guarded(places: Places, token: str, host: str, cookie: str) -> ASGIApp:
    """The board, for whoever has the token."""
    return Guard(application(places), token, host, cookie)


def application(places: Places) -> Starlette:
    """The board, for anybody."""
    runs, comparisons = RunPages(places), ComparePages(places)

    def one_run(request: Request) -> Response:
        return _page(runs.one(_place(places, RUN, request.path_params["key"])))

    def run_part(request: Request) -> Response:
        place = _place(places, RUN, request.path_params["key"])
        revision, part = runs.part(place, request.query_params.get("tasks") == "all")
        if request.query_params.get("revision") == revision:
            return Response(status_code=204)
        return HTMLResponse(part, headers={REVISION: revision})

    def beside(request: Request) -> Response:
        keys = (request.query_params.get(name, "") for name in ("one", "other"))
        return _page(runs.beside(*(_place(places, RUN, key) for key in keys)))

    routes = {
        "/": lambda request: _page(runs.all(request.query_params)),
        "/runs/part": lambda request: HTMLResponse(runs.table(request.query_params)),
        "/runs/{key}": one_run,
        "/runs/{key}/part": run_part,
        "/beside": beside,
        "/compare": lambda request: _page(comparisons.all()),
        "/compare/{key}": lambda request: _page(
            comparisons.one(_place(places, COMPARISON, request.path_params["key"]))
        ),
        "/static/{name}": _static,
    }
    return Starlette(
        routes=[Route(path, _in_thread(answer), methods=["GET"]) for path, answer in routes.items()],
        exception_handlers={MftError: _failed, 404: _nothing},
    )


def _in_thread(answer: Callable[[Request], Response]) -> Callable:
    """Reading and drawing take time: other requests are answered meanwhile."""

    async def answered(request: Request) -> Response:
        return await run_in_threadpool(answer, request)

    return answered


def _page(text: str) -> Response:
    return HTMLResponse(text)


def _place(places: Places, kind: str, key: str) -> Place:
    place = places.find(kind, key)
    if place is None:
        raise UsageError(f"There is no such {kind} in the folders of this board.", "It may have been moved or removed.")
    return place


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in KINDS:
        return _nothing(request, None)
    return Response((FILES / name).read_bytes(), media_type=KINDS[name])


def _failed(request: Request, error: Exception) -> Response:
    """What a user can mend, said on a page."""
    hint = error.hint if isinstance(error, MftError) else ""
    message = error.message if isinstance(error, MftError) else str(error)
    missing = isinstance(error, UsageError)
    return HTMLResponse(render("error.jinja", message=message, hint=hint), status_code=404 if missing else 500)


def _nothing(request: Request, error: Exception | None) -> Response:
    return HTMLResponse(render("error.jinja", message="There is no such page.", hint=""), status_code=404)
