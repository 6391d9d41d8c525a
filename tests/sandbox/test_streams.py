"""Pipes that are bounded and never block."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from mft_core.sandbox.streams import FIRST_INHERITED, Stream, input_descriptor, raised, secret_descriptor


def test_a_stream_keeps_its_limit_and_says_that_there_was_more() -> None:
    with ExitStack() as stack:
        stream = Stream(stack, 10)
        assert stream.read(), "nothing there yet, and not the end"
        assert stream.writing is not None
        os.write(stream.writing, b"x" * 8)
        stream.drain()
        assert (bytes(stream.content), stream.overflowed) == (b"x" * 8, False)
        os.write(stream.writing, b"yyyy")
        stream.drain()
        assert (bytes(stream.content), stream.overflowed) == (b"xxxxxxxxyy", True)
        stream.close_writing()
        assert not stream.read()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(stream.reading)


def test_descriptors_are_high_and_the_low_one_is_closed() -> None:
    low, writing = os.pipe()
    high = raised(low)
    assert high >= FIRST_INHERITED
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(low)
    os.close(high)
    os.close(writing)


def test_an_input_can_be_read_again_and_not_written() -> None:
    with ExitStack() as stack:
        descriptor = input_descriptor(stack, b"given")
        assert os.read(descriptor, 99) == b"given"
        assert os.pread(descriptor, 99, 0) == b"given"
        with pytest.raises(OSError):
            os.write(descriptor, b"x")


def test_a_secret_can_be_read_once_and_fits_a_pipe() -> None:
    with ExitStack() as stack:
        descriptor = secret_descriptor(stack, b"nonce")
        assert [os.read(descriptor, 99), os.read(descriptor, 99)] == [b"nonce", b""]
        with pytest.raises(ValueError, match="fit a pipe"):
            secret_descriptor(stack, b"x" * 2**20)
