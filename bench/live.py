"""Rows of a training's curves on their way to whoever watches: training waits for nobody."""

import threading
from collections.abc import Callable, Mapping

from bench.errors import StudyFailedError
from bench.progress import say

Row = Mapping[str, float]


class LiveCurves:
    """Sends rows in the order they come, from a thread of its own, together where the last are still on their way.

    When `send` raises `StudyFailedError`, that is told in one line, and no more are sent.
    """

    def __init__(self, send: Callable[[list[Row]], None]) -> None:
        self.sent = 0
        self.broken = False
        self._send = send
        self._waiting: list[Row] = []
        self._sender: threading.Thread | None = None

    def add(self, row: Row) -> None:
        """Send a row, now or with the next one; return at once."""
        self._waiting.append(row)
        if not self.broken and (self._sender is None or not self._sender.is_alive()):
            rows, self._waiting = self._waiting, []
            self._sender = threading.Thread(target=self._send_rows, args=(rows,), daemon=True)
            self._sender.start()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is on its way, and tell whether that is so; rows that came meanwhile are not sent."""
        if self._sender is not None:
            self._sender.join(seconds)
        return self._sender is None or not self._sender.is_alive()

    def _send_rows(self, rows: list[Row]) -> None:
        try:
            self._send(rows)
        except StudyFailedError as fault:
            self.broken = True
            say(f"no live curves: {fault}")
        else:
            self.sent += len(rows)
