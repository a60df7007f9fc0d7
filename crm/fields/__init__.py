"""The vocabulary of the field catalogue: what kinds of fields there are, how each is asked, sorted and shown.

An app describes each field of its records once, in its `fields.py` (architecture, idea 1); table columns, column filters,
grouping, bulk change, import mapping, export and API filters all read that description.
"""

from crm.fields.base import BARE, OPERATORS, Asking, Cell, Field, Part
from crm.fields.choices import Choice, Fixed, UserChoice, YesNo
from crm.fields.dates import MAX_PERIODS, Day, Moment
from crm.fields.numbers import Counted, Money, Number
from crm.fields.text import Fold, Link, Text

__all__ = [
    "BARE", "MAX_PERIODS", "OPERATORS", "Asking", "Cell", "Choice", "Counted", "Day", "Field", "Fixed", "Fold", "Link", "Moment", "Money", "Number",
    "Part", "Text", "UserChoice", "YesNo",
]  # fmt: skip
