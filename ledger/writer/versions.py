"""The versions of the streams that events are decided for, ahead of the book."""

from __future__ import annotations

from ledger.domain.book import Book


class Versions:
    """Numbers the events of each stream, on from where the book stands."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._last: dict[str, int] = {}

    def next(self, stream: str) -> int:
        """The version of the next event of a stream."""
        version = self._last.get(stream)
        self._last[stream] = version = (self._book.version(stream) if version is None else version) + 1
        return version

    def mark(self) -> dict[str, int]:
        """Where the streams stand now, for `rollback`."""
        return dict(self._last)

    def rollback(self, mark: dict[str, int]) -> None:
        """Number on from a mark: what was numbered since isn't appended."""
        self._last = dict(mark)
