"""How many at once: fewer when the endpoint is busy, more again while it answers."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mft_core.endpoint.gate import Gate
from mft_core.endpoint.replies import GiveUp


def test_no_more_than_the_limit_are_inside() -> None:
    gate, inside, most = Gate(4), [], []

    def pass_through(number: int) -> None:
        with gate.place():
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.001)
            inside.remove(number)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(pass_through, range(200)))
    assert max(most) <= 4
    assert len(most) == 200


def test_the_limit_is_halved_once_for_all_who_were_inside_and_grows_by_one_a_round() -> None:
    gate = Gate(8)
    with gate.place() as first, gate.place() as second:
        gate.slow_down(first, 0)
        assert gate.limit == 4
        gate.slow_down(second, 0)
        assert gate.limit == 4
    with gate.place() as third:
        gate.slow_down(third, 0)
    assert gate.limit == 2
    limits = []
    for _ in range(2 + 3 + 4):
        gate.answered()
        limits.append(gate.limit)
    assert limits == [2, 3, 3, 3, 4, 4, 4, 4, 5]
    for _ in range(100):
        gate.answered()
    assert gate.limit == 8
    for _ in range(5):
        with gate.place() as halvings:
            gate.slow_down(halvings, 0)
    assert gate.limit == 1


def test_a_pause_holds_everybody_back() -> None:
    gate = Gate(4)
    until = time.monotonic() + 0.2
    with gate.place() as halvings:
        gate.slow_down(halvings, 0.2)
        gate.slow_down(halvings, 0.0)  # a shorter one does not end it
    with ThreadPoolExecutor(3) as pool:
        assert min(pool.map(lambda _: _time_inside(gate), range(3))) >= until


def _time_inside(gate: Gate) -> float:
    with gate.place():
        return time.monotonic()


def test_closed_it_lets_nobody_through_nor_wait() -> None:
    gate = Gate(1)
    failed = threading.Event()

    def wait() -> None:
        with pytest.raises(GiveUp), gate.place():
            pass
        failed.set()

    with gate.place() as halvings:
        gate.slow_down(halvings, 3600)
        thread = threading.Thread(target=wait)
        thread.start()
        gate.close()
        assert failed.wait(60)
    thread.join()
