"""Texts, compared folded, and links to other records."""

from dataclasses import dataclass
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db.models import F, Func, Q, TextField, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Contains, EndsWith, Exact, StartsWith
from django.utils.translation import gettext as _

from crm.fields.base import BARE, Cell, Field, ids_of
from crm.text import fold

MAX_TEXT = 400
TESTS = {"contains": Contains, "starts": StartsWith, "ends": EndsWith, "is": Exact}


class Fold(Func):
    """The database's twin of crm.text.fold (made by the migration on PostgreSQL, by crm.apps on SQLite)."""

    function = "lotse_fold"
    output_field = TextField()

    # Most texts are plain ASCII with single blanks: there folding is no more than lower case, and twenty times as quick. Who
    # filters by a text without a stored key reads every row.
    def as_postgresql(self, compiler, connection, **context):
        return self._plain(compiler, connection, "{0} !~ '^([!-~]+( [!-~]+)*)?$'", ' COLLATE "C"')

    def as_sqlite(self, compiler, connection, **context):
        patterns = ("*[^ -~]*", "*  *", " *", "* ")
        return self._plain(compiler, connection, " OR ".join(f"{{0}} GLOB '{pattern}'" for pattern in patterns), "")

    def _plain(self, compiler, connection, unusual, collation):
        (source,) = self.source_expressions
        text, params = compiler.compile(source)
        folded, lower, unusual = f"{self.function}({text})", f"lower({text}{collation})", unusual.format(text)
        return f"CASE WHEN {unusual} THEN {folded} ELSE {lower} END", [*params] * (unusual.count(text) + 2)


def _one_text(value):
    if isinstance(value, list | tuple):
        value = value[0] if len(value) == 1 else None
    if not isinstance(value, str):
        raise ValidationError(_("Enter a text."))
    if len(value) > MAX_TEXT or "\x00" in value:
        raise ValidationError(_("This text is too long or contains characters that cannot be stored."))
    return value


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """A text; compared folded (settled 16). `key` is the path of its stored folded twin, where it has one."""

    key: str = ""
    as_kind: str = "text"

    operators: ClassVar[tuple[str, ...]] = (
        "contains",
        "not_contains",
        "starts",
        "not_starts",
        "ends",
        "not_ends",
        "is",
        "is_not",
        "empty",
        "not_empty",
    )
    default_operator = "contains"
    kind = "text"

    def filled(self):
        return None if self.required else (Q(**{f"{self.sort}__gt": ""}), Q(**{self.sort: ""}))

    def read(self, operator, value, asking):
        return None if operator in BARE else fold(_one_text(value))

    def condition(self, operator, value, asking):
        if operator in {"empty", "not_empty"}:
            empty = Q(**{self.column: ""}) | Q(**{f"{self.column}__isnull": True})
            return ~empty if operator == "not_empty" else empty
        negated = operator.startswith("not_") or operator == "is_not"
        test = TESTS[operator.removeprefix("not_").removesuffix("_not")]
        # The value is always a parameter, and the lookup escapes its % and _.
        if self.key and not negated:
            return Q(**{f"{self.key}__{test.lookup_name}": value})
        compared = Coalesce(F(self.key) if self.key else Fold(F(self.column)), Value(""), output_field=TextField())
        q = Q(test(compared, value))
        return ~q if negated else q

    def cell(self, row, asking):
        return Cell(self.text(row, asking), self.as_kind)


@dataclass(frozen=True, kw_only=True)
class Link(Text):
    """Another record: asked by its ids or by its name; shown as a link to its card."""

    id_path: str = ""
    url_name: str = ""
    sub_path: str = ""  # its second line
    owner_path: str = ""  # whose it is: of a record one may not see, only the name is shown (settled 14)

    operators = (*Text.operators, "in", "not_in")
    # `company=7` is the company of this id, as in the API; by name it is asked with `company__contains`.
    default_operator = "in"
    kind = "link"

    @property
    def columns(self):
        return tuple(filter(None, (self.column, self.id_path, self.sub_path, self.owner_path)))

    def read(self, operator, value, asking):
        if operator not in {"in", "not_in"}:
            return super().read(operator, value, asking)
        if not (ids := ids_of(value)):
            raise ValidationError(_("This is no valid choice."))
        return ids

    def condition(self, operator, value, asking):
        if operator in {"in", "not_in"}:
            q = Q(**{f"{self.id_path}__in": value})
            return ~q if operator == "not_in" else q
        if operator in {"empty", "not_empty"}:
            return Q(**{f"{self.id_path}__isnull": operator == "empty"})
        return super().condition(operator, value, asking)

    def cell(self, row, asking):
        pk = row.get(self.id_path)
        if pk is None or (self.owner_path and not asking.sees(row.get(self.owner_path))):
            return Cell(self.text(row, asking))
        return Cell(self.text(row, asking), "link", sub=row.get(self.sub_path) or "", data={"id": pk})
