"""The one list component (W3): every list of the product is a `Table` over a record type's catalogue, shown by a `ListPage`."""

from crm.tables.order import cursor_at
from crm.tables.table import Table

__all__ = ["Table", "cursor_at"]
