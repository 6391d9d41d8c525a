"""Who may ask the board anything: whoever has the token, at the board's own address, from the board's own pages.

A page of another origin can make a browser send requests here, but cannot read the answers, and has no token: the
cookie is SameSite=Strict. A name that points here for a moment (DNS rebinding) is no name of ours.
"""

from __future__ import annotations

import hmac
import html
import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TOKEN = "token"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ENTERED = (
    '<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={0}"><a href="{0}">mft board</a>'
)
"""Sent with the cookie. No redirect: a browser that follows one from another site's link sends no strict cookie."""


class Guard:
    """Lets through what is allowed, and marks every answer as nobody else's.

    Args:
        app: what is guarded.
        token: whoever knows it may ask.
        host: the address that is listened at.
        cookie: the name of the cookie that holds the token; cookies are of a machine, not of a port.
    """

    def __init__(self, app: ASGIApp, token: str, host: str, cookie: str) -> None:
        self._app = app
        self._token = token
        self._host = host
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._refusal(scope) or self._entry(scope)
        await (answer or self._app)(scope, receive, marked)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host):
            return _refused(f"This board does not answer to the name {host!r}. Open the link that `mft board` printed.")
        if origin is not None and urlsplit(origin).netloc != host:
            return _refused("Another site asked for this. Open the board itself.")
        if scope["method"] not in ("GET", "HEAD") and origin is None and "authorization" not in headers:
            return _refused("Nothing says which page asked for this.")
        return None

    def _entry(self, scope: Scope) -> Response | None:
        """The answer to a link with the token, or to nobody; None: whoever asks is let through."""
        headers, query = Headers(scope=scope), QueryParams(scope["query_string"])
        if scope["method"] == "GET" and self._knows(query.get(TOKEN, "")):
            entered = HTMLResponse(ENTERED.format(html.escape(_without_token(scope["path"], query))))
            entered.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
            return entered
        given = cookie_parser(headers.get("cookie", "")).get(self._cookie, "")
        if self._knows(given) or self._knows(headers.get("authorization", "").removeprefix("Bearer ")):
            return None
        words = "Open the link that `mft board` printed: it has the token that this browser has not shown yet."
        return PlainTextResponse(words, status_code=401)

    def _knows(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header names this machine. Any port: a tunnel may have another one at its other end."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in LOOPBACK or name == self._host:
            return True
        return self._host not in LOOPBACK and (_is_address(name) or name == socket.gethostname().lower())


def _without_token(path: str, query: QueryParams) -> str:
    """The same address as a path; whatever begins with two slashes would be another machine's."""
    rest = urlencode([(key, value) for key, value in query.multi_items() if key != TOKEN])
    return f"/{quote(path.lstrip('/'))}" + (f"?{rest}" if rest else "")


def _is_address(name: str) -> bool:
    """Whether it is a number: no name server can make that point elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refused(words: str) -> Response:
    return PlainTextResponse(words, status_code=403)
