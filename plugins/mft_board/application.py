"""The web application: which address shows what."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from mft_board.compare_pages import ComparePages
from mft_board.data_pages import DataPages
from mft_board.guard import Guard
from mft_board.live import WatchedRuns
from mft_board.places import AUDIT, COMPARISON, RUN, Place, Places
from mft_board.rendering import render
from mft_board.run_pages import RunPages
from mft_board.try_pages import TryPages
from mft_core.errors import MftError, UsageError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

FILES = Path(__file__).parent / "static"
JAVASCRIPT = "text/javascript; charset=utf-8"
KINDS = {"board.css": "text/css; charset=utf-8", "board.js": JAVASCRIPT, "try.js": JAVASCRIPT}
REVISION = "X-Revision"
Answer = Callable[["Request"], Response]


def guarded(places: Places, token: str, host: str, cookie: str) -> ASGIApp:
    """The board, for whoever has the token."""
    return Guard(application(places), token, host, cookie)


def application(places: Places) -> Starlette:
    """The board, for anybody."""
    watched = WatchedRuns()
    data, trying = DataPages(places, watched), TryPages(places)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        data.worker.close()
        trying.worker.close()

    answers = {**_run_answers(places, watched), **_data_answers(places, data), **_try_answers(places, data, trying)}
    routes = [Route(path, _in_thread(answer), methods=["GET"]) for path, answer in answers.items()]
    routes.append(Route("/try/answers", _stream(trying), methods=["POST"]))
    return Starlette(routes=routes, exception_handlers={MftError: _failed, 404: _nothing}, lifespan=lifespan)


def _run_answers(places: Places, watched: WatchedRuns) -> dict[str, Answer]:
    runs, comparisons = RunPages(places, watched), ComparePages(places)

    def run_part(request: Request) -> Response:
        revision, part = runs.part(_named(places, RUN, request), request.query_params.get("tasks") == "all")
        if request.query_params.get("revision") == revision:
            return Response(status_code=204)
        return HTMLResponse(part, headers={REVISION: revision})

    def beside(request: Request) -> Response:
        keys = (request.query_params.get(name, "") for name in ("one", "other"))
        return HTMLResponse(runs.beside(*(_place(places, RUN, key) for key in keys)))

    return {
        "/": lambda request: HTMLResponse(runs.all(request.query_params)),
        "/runs/part": lambda request: HTMLResponse(runs.table(request.query_params)),
        "/runs/{key}": lambda request: HTMLResponse(runs.one(_named(places, RUN, request))),
        "/runs/{key}/part": run_part,
        "/beside": beside,
        "/compare": lambda request: HTMLResponse(comparisons.all()),
        "/compare/{key}": lambda request: HTMLResponse(comparisons.one(_named(places, COMPARISON, request))),
        "/static/{name}": _static,
    }


def _data_answers(places: Places, data: DataPages) -> dict[str, Answer]:
    def samples(request: Request) -> Response:
        return HTMLResponse(data.samples(_named(places, RUN, request), request.query_params))

    def samples_part(request: Request) -> Response:
        return _or_notice(lambda: data.samples_part(_named(places, RUN, request), request.query_params))

    def audit(request: Request) -> Response:
        return HTMLResponse(data.audit(_named(places, AUDIT, request), request.query_params))

    return {
        "/data": lambda request: HTMLResponse(data.all()),
        "/runs/{key}/data": lambda request: HTMLResponse(data.of_run(_named(places, RUN, request))),
        "/runs/{key}/samples": samples,
        "/runs/{key}/samples/part": samples_part,
        "/audits/{key}": audit,
    }


def _try_answers(places: Places, data: DataPages, trying: TryPages) -> dict[str, Answer]:
    def prompts(request: Request) -> Response:
        place, task = _named(places, RUN, request), request.query_params.get("task", "")
        return _or_notice(lambda: trying.prompts(place, task, data.worker))

    return {"/try": lambda request: HTMLResponse(trying.form(request.query_params)), "/runs/{key}/prompts": prompts}


def _stream(trying: TryPages) -> Callable:
    """Answers of models, as they are written. Whoever goes away ends them."""

    async def answered(request: Request) -> Response:
        try:
            lines: Iterator[str] = trying.answers(await request.body())
        except MftError as error:
            lines = iter([json.dumps({"error": error.message, "hint": error.hint}) + "\n"])
        return StreamingResponse(lines, media_type="application/x-ndjson")

    return answered


def _or_notice(made: Callable[[], str]) -> Response:
    """A part of a page, or what is wrong in its place."""
    try:
        return HTMLResponse(made())
    except MftError as error:
        return HTMLResponse(render("notice.jinja", message=error.message, hint=error.hint))


def _in_thread(answer: Callable[[Request], Response]) -> Callable:
    """Reading and drawing take time: other requests are answered meanwhile."""

    async def answered(request: Request) -> Response:
        return await run_in_threadpool(answer, request)

    return answered


def _named(places: Places, kind: str, request: Request) -> Place:
    return _place(places, kind, request.path_params["key"])


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
