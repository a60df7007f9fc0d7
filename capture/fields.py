"""The catalogue of forms and submissions, and where persons and companies came from (C2, C4)."""

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q
from django.utils.text import format_lazy
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from activities.fields import PersonLink
from capture import consents
from capture.models import CompanyOrigin, Form, PersonOrigin, Submission
from capture.utm import MOST_VALUES, joined, split, values_of
from crm.fields import BARE, Cell, Choice, Counted, Field, Fixed, Link, Moment, Part, Text, UserChoice, YesNo
from crm.fields.base import MAX_VALUES
from crm.records import RecordType, extend, register, relate
from crm.relations import Many, One
from crm.tables.counts import COUNT_UP_TO, capped, count_each
from leads.models import Person

#: Each value of a touch: its words, and whether lists are grouped by it.
VALUES = [
    ("source", _("source"), True),
    ("medium", _("medium"), True),
    ("campaign", _("campaign"), True),
    ("term", _("term"), False),
    ("content", _("content"), False),
    ("referrer", _("referrer"), False),
]
#: The key of the values beyond those that are named; `key_of` gives no such.
OTHERS = "%"
COLOURS = {"received": "blue", "accepted": "green", "spam": "orange"}


@dataclass(frozen=True, kw_only=True)
class UtmText(Text):
    """A value of a touch: in lower case as it is stored, and none for most records."""

    def filled(self):
        return Q(**{f"{self.sort}__gt": ""}), self.none()

    def none(self):
        """Return the condition of records without a value: asked row by row, so that a list walks its own index."""
        model, column = self.stored
        if model is Submission:
            return Q(**{column: ""})
        return ~Q(Exists(model.objects.filter(**{model._meta.pk.name: OuterRef(self.link), f"{column}__gt": ""})))

    def condition(self, operator, value, asking):
        if operator in {"empty", "not_empty"}:
            return self.none() if operator == "empty" else ~self.none()
        q = super().condition(operator, value, asking)
        if operator in {"contains", "starts", "ends", "is"} and value:
            q &= Q(**{f"{self.column}__gt": ""})  # only who has one: the few rows of their own table are read
        return q

    @property
    def stored(self):
        """Return (model, column) of the table that holds it."""
        model, _dot, column = self.of.rpartition(".")
        return {"PersonOrigin": PersonOrigin, "CompanyOrigin": CompanyOrigin, "Submission": Submission}[model], column

    of: str = ""
    link: str = "pk"  # the column that leads there


@dataclass(frozen=True, kw_only=True)
class UtmValue(UtmText):
    """A value of a touch of which there are few: lists, boards and tiles are grouped by it. Asked by *is*; several at once, as a
    tile's number may be, by *is one of*."""

    operators = (*Text.operators, "in", "not_in")
    default_operator = "is"

    def read(self, operator, value, asking):
        if operator in {"in", "not_in"}:
            values = [self.read("is", one, asking) for one in (value if isinstance(value, list | tuple) else split(str(value)))]
            if not any(values) or len(values) > MAX_VALUES:
                raise ValidationError(_now("Enter between one and %(count)s values."), params={"count": MAX_VALUES})
            return [one for one in values if one]
        read = super().read(operator, value, asking)
        if operator not in {"is", "is_not"}:
            return read
        text = value[0] if isinstance(value, list | tuple) else value
        return " ".join(text.lower().split())

    def condition(self, operator, value, asking):
        if operator == "is":
            return Q(**{self.column: value}) if value else super().condition("empty", None, asking)
        if operator == "is_not":
            return ~Q(**{self.column: value}) | Q(**{f"{self.column}__isnull": True})
        if operator == "in":
            return Q(**{f"{self.column}__in": value})
        if operator == "not_in":
            return ~Q(**{f"{self.column}__in": value}) | Q(**{f"{self.column}__isnull": True})
        return super().condition(operator, value, asking)

    def values(self, asking):
        """Return the values that are named, in the column's order: a key of a dictionary each. Asked once for each request."""
        key = f"capture:{self.of}"
        if key not in asking._items:
            asking._items[key] = dict.fromkeys(values_of(*self.stored))
        return asking._items[key]

    def parts(self, asking):
        values = self.values(asking)
        made = [Part(key_of(value), Cell(value), Q(**{self.column: value})) for value in values]
        if len(values) == MOST_VALUES:  # they are the first of the column's order
            made.append(Part(OTHERS, Cell(str(_("others"))), Q(**{f"{self.column}__gt": list(values)[-1]})))
        return [*made, Part("", Cell(str(_("Not set"))), self.condition("empty", None, asking))]

    def present(self, asking):
        return {key_of(value) for value in self.values(asking)} | {OTHERS}

    def part_key(self, row, asking):
        value, values = row[self.column] or "", self.values(asking)
        return OTHERS if value and len(values) == MOST_VALUES and value not in values else key_of(value)

    def asked(self, keys, asking):
        asked = super().asked([unquote(key) for key in keys if key != OTHERS], asking) if set(keys) != {OTHERS} else {"any": []}
        lines = asked.get("any", [asked])
        for one in lines:
            if one["operator"] == "in":
                one["value"] = joined(one["value"])
        if OTHERS in keys:
            named = {"field": self.name, "operator": "not_in", "value": joined(self.values(asking))}
            lines = [*lines, {"all": [{"field": self.name, "operator": "not_empty"}, named]}]
        return lines[0] if len(lines) == 1 else {"any": lines}


def key_of(value) -> str:
    """Return a value as the key of its part: what addresses join keys by, or put for none, stands for itself no more."""
    return "%2D" if value == "-" else re.sub(r"[%,/]", lambda sign: f"%{ord(sign[0]):02X}", value)


@dataclass(frozen=True, kw_only=True)
class FormChoice(Choice):
    """The form by which somebody became a lead. It is named to whoever sees the lead; offered are those that brought any."""

    lists = ()

    def brought(self, asking):
        key = self.items
        if key not in asking._items:
            found = Form.objects.filter(Exists(PersonOrigin.objects.filter(form=OuterRef("pk")))).order_by("name_key", "pk")
            asking._items[key] = {form.pk: form for form in found.only("name", "deleted_at")}
        return asking._items[key]

    def options(self, asking, selectable=False):
        return list(self.brought(asking).values())

    def read(self, operator, value, asking):
        self.brought(asking)
        return super().read(operator, value, asking)

    def item(self, row, asking):
        return self.brought(asking).get(row.get(self.column))


def touch(prefix, words, path, of, default=()):
    """Return the fields of one touch: `prefix` begins their names, `path` their columns.

    No index of a person's gives their order by its time, so lists are not sorted by it.
    """
    fields = []
    for name, label, grouped in VALUES:
        kind = UtmValue if grouped else UtmText
        column = f"{path}{name}"
        fields.append(kind(
            name=f"{prefix}_{name}", label=format_lazy("{}: {}", words, label), path=column, sort=column if grouped else "", group=grouped,
            of=f"{of}{name}", default=name in default, width=150,
        ))  # fmt: skip
    fields.append(Moment(name=f"{prefix}_at", label=format_lazy("{}: {}", words, _("time")), path=f"{path}at"))
    return fields


FIRST, LEAD, SOURCE, CONVERSION = _("First touch"), _("Lead creation"), _("Company source"), _("Conversion")
extend("person", [
    *touch("first_touch", FIRST, "origin__first_", "PersonOrigin.first_"),
    *touch("lead_creation", LEAD, "origin__lead_", "PersonOrigin.lead_"),
    FormChoice(name="lead_creation_form", label=format_lazy("{}: {}", LEAD, _("form")), path="origin__form_id", items="capture.Form", group=True,
               width=150),
])  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ConsentTo(Fixed):
    """The purposes for which a person's consent holds; a marketing selection asks for one (A5)."""

    any_value = True
    loads_text = True

    @property
    def columns(self):
        return ("pk",)

    def read(self, operator, value, asking):
        if operator in BARE:
            return None
        # A purpose may hold a comma, so that one alone is not taken apart.
        alone = isinstance(value, str) and value in {key for key, _label in self.choices()}
        values = value if isinstance(value, list | tuple) else [value] if alone else str(value).split(",")
        keys = [" ".join(str(one).split()) for one in values if str(one).strip()]
        if not keys or any(len(key) > 80 or not key.isprintable() for key in keys):
            raise ValidationError(_now("This is no valid choice."))
        return keys

    def condition(self, operator, value, asking):
        held = consents.active().filter(person=OuterRef("pk"))
        q = Q(Exists(held if operator in BARE else held.filter(purpose__in=value)))
        return ~q if operator in {"empty", "not_in"} else q

    def cell(self, row, asking):
        return Cell()


@dataclass(frozen=True, kw_only=True)
class UnsubscribeLink(Field):
    """The address for the mailings one exports persons for: by it they take back what they agreed to."""

    loads_text = True

    @property
    def columns(self):
        return ("pk",)

    def cell(self, row, asking):
        return Cell()


def consents_of(ids, asking):
    return {pk: ", ".join(found) for pk, found in consents.of(ids).items()}


def links_of(ids, asking):
    return {pk: consents.link(pk, found) for pk, found in consents.of(ids).items()}


extend("person", [
    ConsentTo(name="consent", label=_("Consent to"), choices=lambda: [(one, one) for one in consents.purposes()], load=consents_of, width=160),
    UnsubscribeLink(name="unsubscribe_link", label=_("Unsubscribe link"), load=links_of, filter=False, width=200,
                    help=_("For mailings: takes back the consents that hold.")),
])  # fmt: skip
extend("company", touch("company_source", SOURCE, "origin__", "CompanyOrigin."))
# Of a sale it is that of the person it names; lists of sales have no index for it, and are not sorted by it.
extend("sale", [
    replace(field, path=f"person__{field.path}", sort="", link="person_id")
    for prefix, words, of in (("first_touch", FIRST, "first_"), ("lead_creation", LEAD, "lead_"))
    for field in touch(prefix, words, f"origin__{of}", f"PersonOrigin.{of}") if isinstance(field, UtmValue)
])  # fmt: skip


class StateField(Fixed):
    """What became of a submission, as a pill."""

    def parts(self, asking):
        return [Part(part.key, self._pill(part.key, part.cell.text), part.q) for part in super().parts(asking) if part.key]

    def cell(self, row, asking):
        return self._pill(row.get(self.column), self.text(row, asking))

    @staticmethod
    def _pill(value, text):
        return Cell(text, "pill", data={"colour": COLOURS.get(value, "grey")})


def submissions_of(ids, asking):
    """Return id -> how many submissions of each form the user sees, in words; one statement for a page of them."""
    visible = Submission.objects.visible_to(asking.user).order_by().values("pk")
    found = [visible.filter(form=pk)[: COUNT_UP_TO + 1] for pk in ids]
    return {pk: capped(count, COUNT_UP_TO) for pk, count in zip(ids, count_each(found), strict=True)} if found else {}


register(
    RecordType("form", "capture.Form", _("Form"), _("Forms"), "name", "capture:form", "forms", "capture:forms"),
    [
        Text(name="name", label=_("Name"), sort="name_key", key="name_key", edit="name", default=True, required=True, as_kind="name", width=240),
        YesNo(name="published", label=_("Published"), sort="published", group=True, edit="published", required=True, default=True, width=136),
        Counted(name="number_of_submissions", label=_("Submissions"), load=submissions_of, default=True, width=132),
        Fixed(name="language", label=_("Language"), choices=lambda: Form._meta.get_field("language").choices, sort="language", group=True,
              edit="language", default=True, required=True),
        Fixed(name="rule", label=_("Who gets the leads"), choices=lambda: Form.Rule.choices, sort="rule", group=True, required=True, default=True, width=176),
        Choice(name="source", label=_("Source"), path="source_id", sort="source__rank", items="leads.Source", group=True),
        UserChoice(name="owner", label=_("Owner"), path="owner_id", sort="owner__name_key", group=True, edit="owner", default=True),
        Moment(name="updated_at", label=_("Changed"), sort="updated_at", required=True, default=True),
        Moment(name="created_at", label=_("Created"), sort="created_at", required=True),
    ],
)  # fmt: skip


class MatchedPerson(PersonLink):
    """The person a submission is of. Of one whom the user may not see it is only told that they exist (settled 17)."""

    def text(self, row, asking):
        if row["person_id"] is None:
            return ""
        return super().text(row, asking) if self.is_seen(row, asking) else str(_("already exists"))

    def condition(self, operator, value, asking):
        if operator in {"empty", "not_empty"}:
            return super().condition(operator, value, asking)
        negated = operator.startswith("not_") or operator == "is_not"
        asked = {"is_not": "is"}.get(operator, operator.removeprefix("not_"))
        seen = Exists(Person.objects.visible_to(asking.user).filter(pk=OuterRef("person")))
        q = super().condition(asked, value, asking) & Q(seen)
        return ~q if negated else q


register(
    RecordType("submission", "capture.Submission", _("Submission"), _("Submissions"), "name", "capture:submission", "inbox",
               "capture:submissions", first_sort="created_at", by_hand=False),
    [
        Text(name="name", label=_("Name"), sort="name_key", key="name_key", default=True, required=True, as_kind="name", width=160),
        StateField(name="state", label=_("State"), choices=lambda: Submission.State.choices, sort="state", group=True, default=True, required=True, width=140),
        Link(name="form", label=_("Form"), path="form__name", key="form__name_key", id_path="form_id", url_name="capture:form",
             owner_path="form__owner_id", default=True, width=180),
        Text(name="email", label=_("E-mail"), as_kind="email", default=True, width=220),
        MatchedPerson(name="person", label=_("Person"), path="person__name_key", key="person__name_key", id_path="person_id",
                      url_name="leads:person", default=True, width=160),
        YesNo(name="known", label=_("Already known"), sort="known", group=True, required=True),
        UserChoice(name="owner", label=_("Assigned to"), path="owner_id", sort="owner__name_key", group=True, default=True, width=104),
        *touch("conversion", CONVERSION, "", "Submission."),
        Moment(name="created_at", label=_("Received at"), sort="created_at", required=True, default=True, width=158),
    ],
)  # fmt: skip

relate("submission", One(name="person", label=_("Person"), record="person", path="person_id"))
relate("submission", One(name="form", label=_("Form"), record="form", path="form_id"))
for name in ("person", "form"):
    relate(name, Many(name="submissions", label=_("Submissions"), record="submission", link=name, some=_("with submissions"),
                      none=_("without submissions"), number=_("Number of submissions")))  # fmt: skip

register(
    RecordType("link", "capture.CampaignLink", _("Link"), _("Links"), "campaign", "capture:link", "link", "capture:links",
               first_sort="created_at"),
    [
        Text(name="campaign", label=_("Campaign"), sort="name_key", key="name_key", default=True, required=True, as_kind="name", width=180),
        Text(name="source", label=_("Source"), sort="source_key", key="source_key", default=True, required=True, width=120),
        Text(name="medium", label=_("Medium"), sort="medium_key", key="medium_key", default=True, required=True, width=110),
        Text(name="content", label=_("Content"), default=True, width=120),
        Text(name="term", label=_("Term"), width=120),
        Text(name="url", label=_("Link"), as_kind="copy", default=True, required=True, width=300),
        Text(name="target", label=_("Target page"), as_kind="website", required=True, width=180),
        UserChoice(name="owner", label=_("Built by"), path="owner_id", sort="owner__name_key", group=True, default=True, required=True, width=100),
        Moment(name="created_at", label=_("Built at"), sort="created_at", required=True, default=True),
    ],
)  # fmt: skip
