"""Text as people compare it: without case and accents, the same on every database (settled 16)."""

import unicodedata

from django.db import models

#: What Unicode takes apart no further, though it is typed, found and sorted as these letters; and the apostrophe one prints.
LETTERS = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "ŧ": "t",
    "ı": "i",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "’": "'",
    "‘": "'",
    "ʼ": "'",
}
_LETTERS = str.maketrans(LETTERS)


def fold(text):
    """Return the text casefolded (ß becomes ss), without accents and strokes, with runs of blanks as one.

    >>> fold("  Straße  Ærø ÉCLAIR O’Łuk ")
    "strasse aero eclair o'luk"
    """
    if not text or text.isascii():
        return " ".join((text or "").lower().split())
    decomposed = unicodedata.normalize("NFKD", text.casefold()).casefold()
    bare = "".join(char for char in decomposed if not unicodedata.combining(char)).translate(_LETTERS)
    return " ".join(bare.split())


class KeyField(models.CharField):
    """A folded text that lists sort by and searches compare: bytewise, on both databases.

    PostgreSQL is told so by the collation "C"; it is what SQLite does anyway.
    """

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("max_length", 400)
        kwargs.setdefault("editable", False)
        kwargs.setdefault("default", "")
        super().__init__(*args, **kwargs)

    def get_prep_value(self, value):
        """Cut what folding has made longer than the text was: æ becomes two letters, ß too."""
        value = super().get_prep_value(value)
        return value[: self.max_length] if isinstance(value, str) else value

    def db_parameters(self, connection):
        parameters = super().db_parameters(connection)
        parameters["collation"] = "C" if connection.vendor == "postgresql" else None
        return parameters
