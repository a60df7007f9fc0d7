"""How far is counted, and how a count is told that went no further (settled 15)."""

from django.db import connection

from crm.tables.order import compiled_or_none
from crm.web import formats

COUNT_UP_TO = 10_000  # beyond, the footer says 10,000+ and counts exactly when asked
FEW = 1_000  # a page counts no further, and gathers and sorts no more; more are counted after it, and found by walking in order
COUNT_GROUPS_UP_TO = 1_000  # each, once there are more than COUNT_UP_TO in all


def capped(count, cap):
    """Return a count in words; one beyond the cap is marked as such."""
    return f"{formats.number(cap)}+" if count > cap else formats.number(count)


def count_each(querysets) -> list[int]:
    """Return the number of rows of each queryset, asked by one statement."""
    compiled = [compiled_or_none(queryset)[1:] for queryset in querysets]
    counts = ", ".join(f"(SELECT COUNT(*) FROM ({sql}) part{n})" if sql else "0" for n, (sql, _params) in enumerate(compiled))  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}", [param for _sql, params in compiled for param in params])
        return list(cursor.fetchone())
