"""The form of a tile: what of its settings is asked for, by its kind and its records, and what was typed as a tile."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from crm import criteria, records
from crm.criteria import CriteriaError
from crm.criteria.editor import Editor as CriteriaEditor
from crm.criteria.words import sentence
from crm.criteria.written import every, line
from crm.fields import Moment
from crm.models import Colour
from dashboards.models import MAX_COLUMNS
from dashboards.tiles import periods, spec
from dashboards.tiles.buckets import UNITS
from dashboards.tiles.measures import MEASURES, measurable
from dashboards.tiles.ready import CLOSED, EVER_LEAD, HAS_SALE, LEAD, OPEN, WON, WON_SALE
from selections.models import RecordKind, Selection

MINE = line("owner", "in", ["me"])
#: What is often asked of each record type: key -> label, criteria.
TYPICAL: dict[str, dict[str, tuple[Any, dict]]] = {
    "person": {
        "leads": (gettext_lazy("Leads"), every(LEAD)), "my_leads": (gettext_lazy("My leads"), every(LEAD, MINE)),
        "ever": (gettext_lazy("Who is or was a lead"), every(EVER_LEAD)),
        "customers": (gettext_lazy("Persons at customers"), every(line("category_group", "in", ["customer"]))),
    },
    "company": {
        "potential": (gettext_lazy("Potential customers"), every(line("category_group", "in", ["potential"]))),
        "customers": (gettext_lazy("Customers"), every(line("category_group", "in", ["customer"]))), "mine": (gettext_lazy("Mine"), every(MINE)),
    },
    "sale": {
        "open": (gettext_lazy("Open and stalled sales"), every(OPEN)), "won": (gettext_lazy("Won sales"), every(WON)),
        "closed": (gettext_lazy("Closed sales"), every(CLOSED)), "mine": (gettext_lazy("My open sales"), every(OPEN, MINE)),
    },
    "activity": {
        "open": (gettext_lazy("Follow-ups to do"), every(line("done", "is", False))),
        "mine": (gettext_lazy("My follow-ups to do"), every(line("done", "is", False), MINE)),
        "overdue": (gettext_lazy("Overdue follow-ups"), every(line("done", "is", False), line("due_at", "overdue"))),
        "done": (gettext_lazy("Follow-ups done"), every(line("done", "is", True))),
    },
}  # fmt: skip
#: What those have reached whose share is shown.
GOALS: dict[str, dict[str, tuple[Any, dict]]] = {
    "person": {
        "sale": (gettext_lazy("have a sale"), HAS_SALE), "won": (gettext_lazy("have a won sale"), WON_SALE),
        "qualified": (gettext_lazy("were qualified"), every(line("status_had", "in", ["qualified"]))),
        "next": (gettext_lazy("have a next activity"), every(line("next_activity_at", "not_empty"))),
    },
    "company": {
        "sale": (gettext_lazy("have a sale"), HAS_SALE), "won": (gettext_lazy("have a won sale"), WON_SALE),
        "customer": (gettext_lazy("are customers"), every(line("category_group", "in", ["customer"]))),
    },
    "sale": {"won": (gettext_lazy("were won"), every(WON)), "lost": (gettext_lazy("were lost"), every(line("status", "in", ["lost"])))},
    "activity": {"done": (gettext_lazy("are done"), every(line("done", "is", True)))},
}  # fmt: skip
KEEP, SELECTION, OWN = "keep", "selection", "own"
TEXTS = ("title", "record", "group", "bucket", "series", "measure", "value", "line_measure", "line_value", "date", "period", "compare", "target",
         "sort", "order", "colour", "text")  # fmt: skip
SIZES = {"number": (1, 1), "gauge": (1, 2), "pie": (1, 2), "donut": (1, 2), "text": (1, 1), "funnel": (2, 3), "list": (2, 3)}
DEFAULTS = {"bucket": "month", "measure": "count", "line_measure": "count", "width": 1, "height": 2}
NUMBERS = ("width", "height", "limit", "decimals")


@dataclass(frozen=True)
class Input:
    """One field of the form."""

    name: str
    label: str
    value: Any = ""
    options: list[tuple[str, str]] | None = None
    kind: str = "text"
    hint: str = ""
    errors: tuple[str, ...] = ()


@dataclass
class Editor:
    """A tile while it is edited: `raw` as it would be stored, and the errors of what was typed."""

    raw: dict
    asking: Any
    errors: dict[str, list[str]] = field(default_factory=dict)
    own: CriteriaEditor | None = None

    def __post_init__(self):
        # What is none of the typical questions is edited as criteria.
        if self.kind != "text" and self.asked == OWN:
            self.own = CriteriaEditor.of(self.record, self.raw["criteria"], self.asking)

    @property
    def tile(self):
        return spec.read(self.raw, self.asking)

    @property
    def kind(self) -> str:
        return self.raw.get("kind", "column")

    @property
    def record(self):
        return records.get(self.raw["record"] if self.raw.get("record") in RecordKind.values else "person")

    # --- What is asked for ----------------------------------------------------------------------------------------------

    def sections(self) -> list[tuple[str, list[Input]]]:
        """Return the form's parts: (heading, fields)."""
        if self.kind == "text":
            return [
                (
                    _("Text"),
                    [self._input("title", pgettext("of a record", "Title")), self._input("text", _("Text"), kind="textarea")],
                ),
                self._look(),
            ]
        parts = [(_("Records counted"), self._records())]
        if self.kind in spec.GROUPED:
            parts.append((_("Grouping"), self._shape()))
        if self.kind == "list":
            parts.append((_("List contents"), self._rows()))
        if self.kind not in {"list", "funnel"}:
            parts.append((_("Measure"), self._measured()))
        return [*parts, (_("Time range"), self._time()), self._look()]

    def _input(self, name, label, options=None, **more) -> Input:
        return Input(
            name, str(label), self.raw.get(name, DEFAULTS.get(name, "")), options, errors=tuple(self.errors.get(name, ())), **more
        )

    def _records(self):
        found = []
        if self.kind != "funnel":
            found.append(self._input("record", _("Records"), [(value, str(label)) for value, label in RecordKind.choices]))
        chosen, tree = self.asked, self.raw.get("criteria")
        options = [("", _("All of them")), *((key, str(label)) for key, (label, _tree) in TYPICAL[self.record.name].items())]
        options.append((OWN, _("By custom criteria …")))
        if self._selections():
            options.append((SELECTION, _("Of a selection …")))
        told = self._sentence(tree) if tree and chosen != OWN else ""
        found.append(Input("asked", _("Filter"), chosen, options, hint=told, errors=tuple(self.errors.get("criteria", ()))))
        if chosen == SELECTION:
            found.append(self._input("selection", _("Selection"), self._selections()))
        return found

    @property
    def asked(self) -> str:
        """Which of the offered questions this is."""
        if "selection" in self.raw:
            return SELECTION
        if self.own:
            return OWN
        tree = self.raw.get("criteria")
        if not tree:
            return ""
        return next((key for key, (_label, known) in TYPICAL[self.record.name].items() if known == tree), OWN)

    def _sentence(self, tree):
        try:
            return sentence(self.record, criteria.parse(self.record, tree, self.asking), self.asking)
        except CriteriaError as error:
            return " ".join(error.told)

    def _selections(self):
        seen = Selection.objects.visible_to(self.asking.user).filter(record_type=self.record.name, completed=False)
        return [(str(pk), name) for pk, name in seen.order_by("name_key").values_list("pk", "name")[:500]]

    def _shape(self):
        fields = self.record.fields.values()
        named = [(one.name, str(one.label)) for one in fields if spec.groupable(one)]
        found = [self._input("group", pgettext("grouped", "By"), [("", _("Choose one …")), *named])]
        if isinstance(self.record.fields.get(self.raw.get("group", "")), Moment):
            found.append(self._input("bucket", _("Interval"), [(key, str(label)) for key, label in UNITS.items()]))
        else:
            found.append(
                self._input(
                    "order", _("Order"), [("", _("Default")), ("own", _("As in the list")), ("value", _("Largest first"))]
                )
            )
            found.append(self._input("limit", _("At most"), kind="number", hint=_("The others are shown together.")))
        if self.kind in spec.IN_SERIES:
            others = [(one.name, str(one.label)) for one in fields if one.group and one.name != self.raw.get("group")]
            found.append(self._input("series", _("Then by"), [("", "—"), *others]))
            if self.raw.get("series") and self.kind in {"column", "bar", "area"}:
                found.append(self._input("stacked", _("Stacked"), kind="checkbox"))
        return found

    def _measured(self):
        found = self._measure("", _("Measure"))
        if self.kind == "combo":
            found += self._measure("line_", _("The line shows"))
        found.append(self._input("decimals", _("Decimal places"), [("", _("Default")), ("0", "0"), ("1", "1"), ("2", "2")]))
        if self.kind in spec.WITH_TARGET:
            found.append(
                self._input(
                    "target",
                    _("Target"),
                    hint=_("A number. A share is measured against 100 % without one.") if self.kind == "gauge" else "",
                )
            )
        return found

    def _measure(self, prefix, label):
        sums = [(one.name, str(one.label)) for one in measurable(self.record)]
        offered = [(key, str(text)) for key, text in MEASURES.items() if sums or key not in {"sum", "average"}]
        found = [self._input(f"{prefix}measure", label, offered)]
        chosen = self.raw.get(f"{prefix}measure", "count")
        if chosen in {"sum", "average"}:
            found.append(self._input(f"{prefix}value", _("Of"), sums))
        if chosen == "conversion":
            goal, known = self.raw.get(f"{prefix}goal"), GOALS[self.record.name]
            options = [(key, str(text)) for key, (text, _tree) in known.items()]
            here = next((key for key, (_text, tree) in known.items() if tree == goal), KEEP if goal else "")
            if here == KEEP:
                options.append((KEEP, self._sentence(goal)))
            found.append(Input(f"{prefix}goal", _("Who …"), here, [("", _("Choose one …")), *options], errors=tuple(
                self.errors.get(f"{prefix}goal", ()))))  # fmt: skip
        return found

    def _rows(self):
        fields = self.record.fields.values()
        sorts = [(name, text) for one in fields if one.sort for name, text in (
            (one.name, str(one.label)), (f"-{one.name}", _("%(field)s, descending") % {"field": one.label}))]  # fmt: skip
        return [
            Input("columns", _("Columns"), list(self.tile.columns), [(one.name, str(one.label)) for one in fields], kind="several",
                  errors=tuple(self.errors.get("columns", ()))),
            self._input("sort", _("Sorted by"), [("", _("Default")), *sorts]),
            self._input("limit", _("Rows"), kind="number", hint=_("At most %(count)s.") % {"count": spec.MOST_ROWS}),
        ]  # fmt: skip

    def _time(self):
        dated = [(one.name, str(one.label)) for one in self.record.fields.values() if spec.datable(one)]
        period = self.raw.get("period", "")
        options = [("", _("All time")), *((name, capfirst(periods.words(name))) for name in periods.OFFERED)]
        if period and period not in periods.OFFERED:
            options.append((period, capfirst(periods.words(period)) if "period" not in self.errors else period))
        found = [self._input("period", _("Period"), options)]
        if period:
            default = self.raw.get("group") if self.raw.get("group") in dict(dated) else "created_at"
            found.append(
                Input("date", _("Date used"), self.raw.get("date") or default, dated, errors=tuple(self.errors.get("date", ())))
            )
            if self.kind in spec.COMPARING:
                found.append(
                    self._input("compare", _("Compared with"), [(key, str(text)) for key, text in periods.COMPARED.items()])
                )
        return found

    def _look(self):
        fields = [] if self.kind == "text" else [
            Input("title", pgettext("of a record", "Title"), self.raw.get("title", ""), errors=tuple(self.errors.get("title", ())), hint=spec.title_of(self.raw)),
            self._input("colour", _("Colour"), [("", _("As on the dashboard")), *((value, str(label)) for value, label in Colour.choices)]),
        ]  # fmt: skip
        sizes = [
            self._input(name, label, [(str(size), str(size)) for size in range(1, most + 1)])
            for name, label, most in (("width", _("Width"), MAX_COLUMNS), ("height", _("Height"), spec.MAX_HEIGHT))
        ]
        return (_("Appearance"), [*fields, *sizes])


def posted(data, asking) -> Editor:
    """Return what was typed as a tile; what cannot be one is among the errors."""
    kind = data.get("kind", "")
    raw: dict[str, Any] = {"kind": kind if kind in spec.KINDS else "column"}
    raw |= {name: data[name].strip() for name in TEXTS if data.get(name, "").strip()}
    editor = Editor(raw, asking)
    for name in NUMBERS:
        if text := data.get(name, "").strip():
            if text.isdecimal() and len(text) < 5:
                raw[name] = int(text)
            else:
                editor.errors[name] = [_("Enter a number.")]
    if data.get("of_kind", kind) != kind:
        raw["width"], raw["height"] = SIZES.get(raw["kind"], (2, 2))  # as such tiles usually are
    if data.get("stacked"):
        raw["stacked"] = True
    if raw["kind"] == "list" and data.getlist("columns"):
        raw["columns"] = data.getlist("columns")[:20]
    raw["record"] = editor.record.name
    _posted_question(editor, data)
    for prefix in ("", "line_"):
        if raw.get(f"{prefix}measure") == "conversion":
            _posted_goal(editor, data, f"{prefix}goal")
    _only_what_belongs(raw)
    return editor


def _posted_question(editor, data):
    raw, chosen = editor.raw, data.get("asked", "")
    if chosen == SELECTION:
        pk = data.get("selection", "")
        first = editor._selections()[:1]
        known = pk.isdecimal() and len(pk) < 19
        raw["selection"] = int(pk) if known else int(first[0][0]) if first else 0
    elif chosen == OWN and data.get("of") == editor.record.name:
        _posted_criteria(editor, data)
    elif chosen in TYPICAL[editor.record.name]:
        raw["criteria"] = TYPICAL[editor.record.name][chosen][1]


def _posted_criteria(editor, data):
    """Take over the criteria editor as it was sent; when it was just chosen, it begins with what was asked before."""
    try:
        if "c-tree" in data:
            editor.own = CriteriaEditor.sent(editor.record, data, editor.asking)
        else:
            editor.own = CriteriaEditor.of(editor.record, criteria.loads(data.get("criteria") or "{}"), editor.asking)
    except CriteriaError as error:
        editor.errors["criteria"] = error.told
        return
    if editor.own.root.nodes:
        editor.raw["criteria"] = {name: value for name, value in editor.own.question.items() if name != "version"}
    if editor.own.lacking:
        editor.errors["criteria"] = [_("A condition has no value.")]


def _posted_goal(editor, data, name):
    chosen, known = data.get(name, ""), GOALS[editor.record.name]
    if chosen in known:
        editor.raw[name] = known[chosen][1]
    elif chosen == KEEP:
        try:
            tree = criteria.loads(data.get(f"{name}_criteria", ""))
        except CriteriaError as error:
            editor.errors[name] = error.told
        else:
            if isinstance(tree, dict):
                editor.raw[name] = tree


def _only_what_belongs(raw):
    """Take out what a tile of this kind, and records of this type, know nothing of: it may have been another before."""
    kind, fields = raw["kind"], records.get(raw["record"]).fields
    gone = {"record"} if kind == "text" else {"text"}
    if kind not in spec.GROUPED:
        gone |= {"group", "bucket", "series", "stacked", "order"} | ({"limit"} if kind != "list" else set())
    if kind not in spec.IN_SERIES:
        gone |= {"series"}
    if kind != "list":
        gone |= {"columns", "sort"}
    if kind != "combo":
        gone |= {"line_measure", "line_value", "line_goal"}
    if kind in {"list", "funnel", "text"}:
        gone |= {"measure", "value", "goal", "decimals", "target"}
    for prefix in ("", "line_"):
        if raw.get(f"{prefix}measure") not in {"sum", "average"}:
            gone |= {f"{prefix}value"}
    if not raw.get("period") or kind == "text":
        gone |= {"compare"} | ({"period"} if kind == "text" else set())
    gone |= {name for name in ("group", "series", "date", "value", "line_value") if raw.get(name) and raw[name] not in fields}
    gone |= {"sort"} if raw.get("sort", "").removeprefix("-") not in fields else set()
    if not isinstance(fields.get(raw.get("group", "")), Moment):
        gone |= {"bucket"}
    if "columns" in raw:
        raw["columns"] = [name for name in raw["columns"] if name in fields] or records.get(raw["record"]).default_columns()[:4]
    for name in gone:
        raw.pop(name, None)
    if kind == "funnel":
        raw["record"] = "person"
    for prefix in ("", "line_"):
        if raw.get(f"{prefix}measure") in {"sum", "average"} and not raw.get(f"{prefix}value"):
            known = measurable(records.get(raw["record"]))
            raw.update({f"{prefix}value": known[0].name} if known else {})


def as_text(tree) -> str:
    return json.dumps(tree, ensure_ascii=False) if tree else ""
