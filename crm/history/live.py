"""What has changed since somebody last looked, for pages that keep up with others (B6, settled 13, docs/decisions/0022).

A `position` is a place in the history; `since(position)` tells what was written behind it, and the next position. It is safe
against late commits: what one transaction wrote is told even if others that began later were told before.

On PostgreSQL a position is `horizon.count.sum`: every transaction below the horizon had ended, and of those at or above it the
reader has seen so many change sets (the sum of their transactions tells which). The window above the horizon is read anew each
time, so that nothing waits for a long transaction, and nothing that commits late is missed. On SQLite, which has one writer, a
position is the id of the last change.
"""

from dataclasses import dataclass, field

from django.db import connection

MOST = 500  # changes that are told one by one; beyond, a page reads everything anew


@dataclass(frozen=True)
class News:
    """What was written: ids of records by their type; `everything` if it was too much to tell."""

    position: str
    records: dict[str, set[int]] = field(default_factory=dict)
    everything: bool = False


def position() -> str:
    """Return where the history is now. Read it before what is shown, so that nothing falls between."""
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            cursor.execute("SELECT COALESCE(MAX(id), 0) FROM crm_change")
            return str(cursor.fetchone()[0])
        # The window begins at the horizon: what stands in it now is counted as seen.
        cursor.execute(
            "SELECT horizon, COUNT(s.id), COALESCE(SUM(s.transaction), 0)"
            " FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon) now"
            " LEFT JOIN crm_changeset s ON s.transaction >= horizon GROUP BY horizon"
        )
        return ".".join(map(str, cursor.fetchone()))


def since(before: str) -> News | None:
    """Return what was written behind a position, or None if nothing was; a position nobody understands tells everything anew."""
    parts = before.split(".")
    if not all(part.isdecimal() and len(part) < 40 for part in parts) or int(parts[0]) >= 2**63:
        return News(position(), everything=True)
    if connection.vendor != "postgresql":
        return _since_id(int(parts[0])) if len(parts) == 1 else News(position(), everything=True)
    return _since_horizon(*map(int, parts)) if len(parts) == 3 else News(position(), everything=True)


def _since_id(last):
    now = position()
    if int(now) == last:
        return None
    if int(now) < last:  # a database of another past
        return News(now, everything=True)
    return _told(now, "id > %s AND id <= %s", [last, int(now)])


def _since_horizon(horizon, count, total):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT horizon, COUNT(s.id), COALESCE(SUM(s.transaction), 0), COUNT(s.id) FILTER (WHERE s.transaction >= horizon),"
            " COALESCE(SUM(s.transaction) FILTER (WHERE s.transaction >= horizon), 0)"
            " FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon) now"
            " LEFT JOIN crm_changeset s ON s.transaction >= %s GROUP BY horizon",
            [horizon],
        )
        new_horizon, seen, seen_total, open_count, open_total = cursor.fetchone()
    if (seen, int(seen_total)) == (count, total):
        return None
    now = f"{new_horizon}.{open_count}.{open_total}"
    if new_horizon < horizon:
        return News(now, everything=True)
    return _told(now, "change_set_id IN (SELECT id FROM crm_changeset WHERE transaction >= %s)", [horizon])


def _told(now, condition, params):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT record_type, record_id FROM crm_change WHERE {condition} LIMIT {MOST + 1}", params)  # noqa: S608
        rows = cursor.fetchall()
    if len(rows) > MOST:
        return News(now, everything=True)
    records: dict[str, set[int]] = {}
    for record_type, record_id in rows:
        records.setdefault(record_type, set()).add(record_id)
    return News(now, records)
