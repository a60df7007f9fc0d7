"""Locks that hold until the caller's transaction ends: on rows, and on keys that two might be about to create (settled 17).

Everybody takes them in one order, so that nobody waits in a circle: keys, then companies, then persons and what else belongs to a
company, each by their ids. SQLite has one writer, whose transaction is the lock.
"""

from django.db import connection

#: Held alone by an import while it matches and writes a batch, and shared by everyone who holds single keys.
EVERY_KEY = 0x10753


def hold(*keys):
    """Wait until nobody else holds one of these keys, and hold them."""
    if connection.vendor != "postgresql" or not keys:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [EVERY_KEY])
        for key in sorted(set(keys)):  # in one order: two that want the same keys never wait for each other
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def hold_every_key():
    """Wait until nobody else holds any key, and hold all of them."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [EVERY_KEY])


def lock_rows(queryset):
    """Wait until nobody else is changing these rows, and keep others from it; new rows may still refer to them."""
    if connection.features.has_select_for_update:
        list(queryset.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
