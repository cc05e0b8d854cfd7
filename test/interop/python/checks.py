"""What the Python clients share: groups of checks that print "ok NAME", and the rows that they send."""

import sys
from typing import Any, Callable

STREAM_ITEMS = 100
BAD_ITEM = 40


def address() -> str:
    """The server's address, the only argument."""
    return sys.argv[1]


def equal(got: Any, expected: Any) -> None:
    assert got == expected, f"got {got!r}, expected {expected!r}"


def run(groups: list[Callable[[], None]]) -> None:
    for group in groups:
        group()
        print("ok", group.__name__, flush=True)
