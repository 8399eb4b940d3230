"""Waiting for conditions with a deadline: what tests do instead of sleeping."""

import time
from typing import Callable, TypeVar

T = TypeVar("T")

POLL_S = 0.05
DEADLINE_S = 40.0  # for what has to come: far longer than it takes on a slow and busy machine


class Timeout(AssertionError):
    """The condition did not come true in time."""


def wait_until(predicate: Callable[[], T], deadline_s: float, what: str) -> T:
    """Calls `predicate` until it returns something true, and returns that.

    An exception counts as "not yet".  After the deadline raises Timeout, with
    what was seen last."""
    end = time.monotonic() + deadline_s
    while True:
        try:
            seen: object = predicate()
            if seen:
                return seen  # type: ignore[return-value]
        except Exception as why:  # told below if it lasts
            seen = why
        if time.monotonic() >= end:
            raise Timeout(f"{what}: not within {deadline_s:g} s; seen last: {seen!r}")
        time.sleep(POLL_S)
