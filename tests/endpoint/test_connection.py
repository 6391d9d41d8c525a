"""The way to an endpoint: connections are kept, what is under way can be ended, nothing is left behind."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from helpers import fake_endpoint as fake
from helpers.fake_endpoint import FakeEndpoint
from helpers.lean_endpoint import lean_endpoint
from mft_core.endpoint.connection import Connection
from mft_core.endpoint.replies import GiveUp, TryAgain

PATH = "/chat/completions"
HEADERS = {"Idempotency-Key": "k"}
BODY = {"messages": [{"content": "one"}]}


def endpoint_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "endpoint"]


def test_many_exchanges_share_as_many_connections_as_there_are_at_once() -> None:
    with lean_endpoint(seconds=0.01) as server, closing(Connection(server.url)) as connection:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: connection.post(PATH, BODY, HEADERS, 60), range(80)))
        assert {response.status for response in found} == {200}
        assert '"to one"' in found[0].body
        assert found[0].headers["content-type"] == "application/json"
        assert len(server.keys) == 80
        assert server.connections <= 8
        assert len(endpoint_threads()) == 1
    assert endpoint_threads() == []


@pytest.mark.parametrize("bad", [fake.hang, fake.drip, fake.drip_headers])
def test_closing_ends_what_is_under_way(bad: fake.Answer, server: FakeEndpoint) -> None:
    server.otherwise = bad
    connection = Connection(server.url)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(connection.post, PATH, BODY, HEADERS, 3600) for _ in range(4)]
        while len(server.requests) < 4:
            server.released.wait(0.01)
        connection.close()
        for one in waiting:
            with pytest.raises(GiveUp):
                one.result()
    with pytest.raises(GiveUp):
        connection.post(PATH, BODY, HEADERS, 3600)
    connection.close()
    gc.collect()  # what was not closed would be warned of, and warnings are errors
    assert endpoint_threads() == []


def test_a_connection_is_good_again_after_every_failure(server: FakeEndpoint) -> None:
    with closing(Connection(server.url)) as connection:
        for bad, seconds, reason in (
            (fake.hang, 0.3, r"more than 0\.3 seconds"),
            (fake.drip, 0.3, r"more than 0\.3 seconds"),
            (fake.reset, 60, "Error"),
            (fake.cut_short, 60, "Error"),
            (fake.flood, 60, "a response of more than 8388608 bytes"),
        ):
            server.plan = [bad]
            with pytest.raises(TryAgain, match=reason):
                connection.post(PATH, BODY, HEADERS, seconds)
            assert connection.post(PATH, BODY, HEADERS, 60).status == 200


def test_a_url_that_is_none_is_given_up() -> None:
    with closing(Connection("http://[::1/v1")) as connection, pytest.raises(GiveUp, match="its URL cannot be used"):
        connection.post(PATH, BODY, HEADERS, 60)


def test_what_was_never_used_has_nothing_to_close() -> None:
    Connection("http://127.0.0.1:1/v1").close()
    assert endpoint_threads() == []
