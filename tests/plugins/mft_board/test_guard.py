"""Who is let in, and what every answer forbids the browser."""

from __future__ import annotations

import httpx2
import pytest

from helpers.boards import TOKEN, RunningBoard
from mft_board.guard import HEADERS, Guard


def ask(running: RunningBoard, path: str = "/", method: str = "GET", **headers: str) -> httpx2.Response:
    """Without a cookie."""
    return httpx2.request(method, running.origin + path, headers=headers)


def test_without_the_token_nothing_is_shown_not_even_styles(running: RunningBoard) -> None:
    for path in ("/", "/runs/part", "/static/board.css", "/?token=", f"/?token={TOKEN[:-1]}", "/nothing"):
        answer = ask(running, path)
        assert answer.status_code == 401
        assert "link" in answer.text
    assert ask(running, cookie=f"mft_board_{running.port}=wrong").status_code == 401


def test_the_link_gives_a_strict_cookie_and_leaves_no_token_in_the_address(running: RunningBoard) -> None:
    answer = ask(running, f"/runs/part?q=a+b&token={TOKEN}")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"mft_board_{running.port}={TOKEN};")
    assert {"httponly", "samesite=strict"} <= {part.strip().lower() for part in cookie.split(";")}
    assert 'content="0;url=/runs/part?q=a+b"' in answer.text
    assert TOKEN not in answer.text


def test_the_link_leads_nowhere_else(running: RunningBoard) -> None:
    answer = ask(running, f"//evil.example/%22%3E?token={TOKEN}")
    assert 'url=/evil.example/%22%3E"' in answer.text


def test_the_token_may_come_from_a_script(running: RunningBoard) -> None:
    assert ask(running, authorization=f"Bearer {TOKEN}").status_code == 200
    assert ask(running, authorization="Bearer x").status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8642", "localhost.evil.example", "10.0.0.1", "", "[", "::"]
)
def test_a_name_that_is_not_ours_is_refused_with_the_token_too(running: RunningBoard, host: str) -> None:
    assert ask(running, f"/?token={TOKEN}", host=host).status_code == 403


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:80"])
def test_the_names_of_this_machine_are_ours_at_any_port(running: RunningBoard, host: str) -> None:
    """The other end of a tunnel."""
    assert ask(running, host=host, authorization=f"Bearer {TOKEN}").status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_another_origin_is_refused_with_the_cookie_too(running: RunningBoard, origin: str) -> None:
    for method in ("GET", "POST"):
        assert running.client.request(method, "/", headers={"origin": origin}).status_code == 403
    assert running.client.get("/", headers={"origin": running.origin}).status_code == 200


def test_what_would_change_something_names_its_page(running: RunningBoard) -> None:
    assert running.client.post("/").status_code == 403
    assert running.client.post("/", headers={"origin": running.origin}).status_code == 405  # there is nothing to change


def test_every_answer_forbids_scripts_in_the_page_and_frames(running: RunningBoard) -> None:
    for answer in (ask(running), running.client.get("/"), running.client.get("/nothing"), ask(running, host="x")):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "access-control-allow-origin" not in answer.headers
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_beyond_this_machine_addresses_are_ours_and_names_are_not() -> None:
    """A number cannot be made to point elsewhere."""
    guard = Guard(lambda *_: None, TOKEN, "0.0.0.0", "cookie")  # type: ignore[arg-type, return-value]
    assert guard._is_ours("192.168.1.7:8642")
    assert not guard._is_ours("evil.example")
