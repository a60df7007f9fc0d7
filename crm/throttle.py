"""Counting how often a key is used, in the database and by one statement: parallel uses are all counted, on every server."""

from django.db import connection
from django.utils import timezone


def used(key, seconds) -> tuple[int, float]:
    """Count a use of the key; return how often it was used in the present window of time, and the moment that window ends."""
    window = int(timezone.now().timestamp() // seconds)
    ends = (window + 1) * seconds
    ends_at = timezone.datetime.fromtimestamp(ends, timezone.get_default_timezone())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crm_throttle(key, count, ends_at) VALUES (%s, 1, %s)"
            " ON CONFLICT (key) DO UPDATE SET count = crm_throttle.count + 1 RETURNING count",
            [f"{key}:{window}"[:200], ends_at],
        )
        return cursor.fetchone()[0], ends
