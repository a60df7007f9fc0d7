"""What was seen of a file so far, on disk: a file of a million rows takes no more memory than one of a thousand."""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any


class Seen:
    """Keys with a number or a text each, in a temporary file of SQLite's that vanishes with the object."""

    def __init__(self):
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA cache_size = -8000")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID")

    def find(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return those of the keys that were seen, with their values."""
        wanted, found = list(keys), {}
        for start in range(0, len(wanted), 5_000):
            some = wanted[start : start + 5_000]
            marks = ",".join("?" * len(some))
            found.update(self._db.execute(f"SELECT key, value FROM seen WHERE key IN ({marks})", some))  # noqa: S608 (marks alone)
        return found

    def add(self, values: dict[str, Any]) -> None:
        """Remember these keys; a key that was seen gets its new value."""
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", values.items())
        self._db.execute("COMMIT")

    def starting(self, prefix: str, size: int) -> Iterator[dict[str, Any]]:
        """Yield the keys that begin so, without that beginning, and their values, so many at a time."""
        last = prefix
        while rows := self._db.execute(
            "SELECT key, value FROM seen WHERE key > ? AND key < ? ORDER BY key LIMIT ?", [last, prefix + "\U0010ffff", size]
        ).fetchall():
            last = rows[-1][0]
            yield {key.removeprefix(prefix): value for key, value in rows}

    def close(self) -> None:
        self._db.close()
