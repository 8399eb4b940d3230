"""Where the processes of a world run.

OneHost: all of them here, on 127.0.0.1.  tests/chaos has another kind, which
gives each a network of its own that can be cut."""

from typing import Sequence


class OneHost:
    def address(self, _host: str) -> str:
        """Where others reach a server that runs on that host."""
        return "127.0.0.1"

    def argv(self, _host: str, argv: Sequence[object]) -> list[object]:
        """What starts that program there."""
        return list(argv)
