"""Moving cards: what a drop means, decided by the same actions as everywhere (B3, B6, B7).

A card says in which column its user saw it. If it stands elsewhere by now, somebody else was first: the move is refused, and the
message names them (R17). Rules refuse as they do on cards and lists (R6), a status that asks is asked for, and what an automation
proposes opens its dialog.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import access
from crm.fields import YesNo
from crm.history.changes import Outcome, change
from crm.history.models import Change, ChangeSet
from crm.locks import lock_rows
from crm.web import formats
from leads import actions as leads
from leads import automation, lifecycle
from leads.models import Company
from leads.views.cards import created_in
from leads.views.status import ASKING, StatusQuestion
from sales import actions as sales
from sales.forms import CloseForm, StallForm
from sales.models import Sale
from selections.board import NOTHING
from selections.tasks import EDITS

MOST = 200  # cards moved together


class Refused(Exception):
    """A move that cannot be: `taken` if because somebody else was first."""

    def __init__(self, text, taken=False):
        super().__init__(text)
        self.text, self.taken = str(text), taken


class Asks(Exception):
    """A move that has to be asked about first: `question` is shown by `template`, with `errors` if it was answered wrongly."""

    def __init__(self, question, template, title, errors=()):
        super().__init__(title)
        self.question, self.template, self.title, self.errors = question, template, title, list(errors)


@dataclass(frozen=True)
class Seen:
    """A card as its user saw it: in this column and row."""

    pk: int
    column: str
    row: str


def seen_in(text) -> list[Seen]:
    """Return the cards that `7:3:-,8:3:-` names; raise Refused."""
    found = []
    for part in text.split(",") if text else ():
        pk, _first, rest = part.partition(":")
        column, _second, row = rest.partition(":")
        if not (pk.isdecimal() and len(pk) < 19):
            raise Refused(_("This move cannot be understood."))
        found.append(Seen(int(pk), column, row))
    if not found or len(found) > MOST:
        raise Refused(_("This move cannot be understood."))
    return found


# --- Writers ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Writer:
    """How a field is written: `ask(item, data)` returns what the action is told beside the value, or raises Asks.

    `hold(ids, item)` locks the companies that a rule might change along: before the records themselves (crm.locks). `begins(item)`
    tells whether a new card can begin with this value.
    """

    run: Callable[..., Outcome]
    ask: Callable[[Any, Any], dict] = field(default=lambda item, data: {})
    hold: Callable[[set[int], Any], None] = field(default=lambda ids, item: None)
    begins: Callable[[Any], bool] = field(default=lambda item: True)


def _ask_status(status, data):
    question = StatusQuestion(status, data)
    try:
        return question.answer()
    except ValidationError as error:
        wrong = error.messages if question.was_asked else []
        raise Asks(question, "boards/_ask_status.html", status.name, wrong) from error


def _ask_sale(status, data):
    """Ask for the day and the reason of a sale that ends, or for the day on which one that rests goes on."""
    if status == Sale.Status.OPEN:
        return {}
    asked = data if data.get("asked") == "1" else None
    form = StallForm(asked) if status == Sale.Status.STALLED else CloseForm(asked, outcome=status)
    if not form.is_valid():
        raise Asks(form, "boards/_ask_sale.html", str(Sale.Status(status).label), [""] if form.is_bound else [])
    return dict(form.cleaned_data)


def _sale_status(records, status, **how):
    actions: dict[str, Callable[..., Outcome]] = {
        "open": sales.reopen,
        "stalled": sales.stall,
        "won": sales.win,
        "lost": sales.lose,
    }
    return actions[status](records, **how)


def _hold_companies(ids, status):
    lock_rows(Company.objects.filter(pk__in=Sale.objects.filter(pk__in=ids).values("company")))


WRITERS = {
    ("person", "lead_status"): Writer(
        leads.set_lead_status, _ask_status, automation.hold, lambda status: status.kind not in ASKING
    ),
    ("company", "category"): Writer(leads.set_category),
    ("sale", "stage"): Writer(sales.set_stage),
    ("sale", "status"): Writer(_sale_status, _ask_sale, _hold_companies, lambda status: status == Sale.Status.OPEN),
    **{(name, "owner"): Writer(leads.set_owner) for name in ("person", "company", "sale")},
}


def writer_of(record, described) -> Writer:
    if (record.name, described.name) in WRITERS:
        return WRITERS[record.name, described.name]

    def run(records, value, *, by, via):
        return EDITS[record.name](records, described.edit, lambda current: value, by=by, via=via)

    return Writer(run)


def value_of(board, described, column):
    """Return the value a column stands for, as the actions take it."""
    if column.key == NOTHING:
        model_field = board.record.model._meta.get_field(described.edit)
        return None if model_field.null else ""
    if isinstance(described, YesNo):
        return column.key == "1"
    items = {str(item.pk): item for item in described.options(board.asking)}
    item = items[column.key]
    return item if hasattr(item, "_meta") else column.key


# --- Moving -------------------------------------------------------------------------------------------------------------


def targets(board, column, row):
    """Return the column and the row a move names; raise Refused for those that are none, or take no cards."""
    if board.errors or not board.may_move:
        raise Refused(_("This board cannot be changed now."))
    found = []
    for described, one in ((board.by, column), (board.rows_by, row)):
        target = None
        if described is not None:
            target = (board.column if described is board.by else board.row)(one)
            if target is None:
                raise Refused(_("There is no such column any more. Nothing was moved."))
        found.append(target)
    return found


def move(board, cards: list[Seen], to_column: str, to_row: str, *, by, data) -> tuple[Outcome, str]:
    """Move cards to a column, and to a row of it where the board has rows; return what was done and how it is said.

    Raise Refused, or Asks for what has to be answered first. Cards that others have moved meanwhile are left.
    """
    column, row = targets(board, to_column, to_row)
    steps = [(board.by, column, {one.pk for one in cards if one.column != column.key})]
    if row is not None:
        steps.append((board.rows_by, row, {one.pk for one in cards if one.row != row.key}))
    steps = [step for step in steps if step[2]]
    if not steps:
        raise Refused(_("It is already there."))
    answers = []
    for described, target, _ids in steps:
        if target.refuses:
            raise Refused(target.refuses)
        value = value_of(board, described, target)
        answers.append((value, writer_of(board.record, described).ask(value, data)))
    outcome = Outcome()
    with transaction.atomic():
        for (described, _target, ids), (value, _answer) in zip(steps, answers, strict=True):
            writer_of(board.record, described).hold(ids, value)
        free = _still_there(board, cards, outcome)
        if not free:
            raise Refused(" ".join(dict.fromkeys(reason for _pk, reason in outcome.left)), taken=True)
        try:
            _write(board, steps, answers, free, outcome, by)
        except ValidationError as error:
            raise Refused(" ".join(error.messages)) from error
    if not outcome.changed:
        raise Refused(" ".join(dict.fromkeys(reason for _pk, reason in outcome.left)) or _("Nothing was changed."))
    return outcome, _said(board, outcome, steps)


def _write(board, steps, answers, free, outcome, by):
    model, record = board.queryset.model, board.record
    done: set[int] = set()

    def run():
        for (described, _target, ids), (value, answer) in zip(steps, answers, strict=True):
            moving = model.objects.filter(pk__in=ids & free)
            records = list(moving) if len(ids & free) == 1 else moving
            if not ids & free:
                continue
            one = writer_of(record, described).run(
                records[0] if isinstance(records, list) else records, value, by=by, via="board", **answer
            )
            left = {pk for pk, _reason in one.left}
            for pk, reason in one.left:
                outcome.leave([pk], reason)
            outcome.proposals += one.proposals
            outcome.change_set = one.change_set or outcome.change_set
            if one.changed:
                done.update((ids & free) - left)

    if len(steps) == 1:
        run()
    else:
        # A column and a row: two fields, one change to undo.
        named = {"fields": [described.edit for described, _target, _ids in steps], "count": len(free)}
        with change(f"{record.name}.edit", by=by, via="board", params=named | _name_of(model, free)) as change_set:
            run()
        outcome.change_set = change_set if change_set.pk else None
    outcome.changed = len(done)


def _name_of(model, ids):
    return {"name": str(model.objects.get(pk=next(iter(ids))))} if len(ids) == 1 else {}


def _still_there(board, cards, outcome) -> set[int]:
    """Return the cards that stand where their user saw them, locked; of the others the outcome says who was first."""
    model, ids = board.queryset.model, [one.pk for one in cards]
    lock_rows(model.objects.filter(pk__in=ids))
    columns = board.place_columns
    rows = {row["pk"]: row for row in access.visible(model.objects.filter(pk__in=ids), board.user).values("pk", *columns)}
    allowed = set(access.editable(model.objects.filter(pk__in=ids), board.user).values_list("pk", flat=True))
    free = set()
    for one in cards:
        row = rows.get(one.pk)
        if row is None:
            outcome.leave([one.pk], _("This record is not there any more."))
        elif one.pk not in allowed:
            outcome.leave([one.pk], _("You may see this record, but not change it."))
        elif board.key_of(row) == (one.column, one.row):
            free.add(one.pk)
        else:
            outcome.leave([one.pk], _taken(board, one, row))
    if not free and outcome.left and all(pk in rows and pk not in allowed for pk, _reason in outcome.left):
        raise PermissionDenied(outcome.left[0][1])
    return free


def _taken(board, one, row) -> str:
    """Return who has moved a card meanwhile, and to where."""
    record = board.queryset.model.objects.get(pk=one.pk)
    if board.only_leads and not row.get("is_lead", True):
        return _("%(name)s has left this board. %(why)s") % {"name": record, "why": lifecycle.why_no_status(record.category)}
    column, lane = board.key_of(row)
    described, target = (board.by, board.column(column)) if column != one.column else (board.rows_by, board.row(lane))
    name = described.edit or described.column.removesuffix("_id")
    last = Change.objects.filter(record_type=board.record.name, record_id=one.pk, field=name).order_by("-id")
    last = last.select_related("change_set__by").first()
    who = last.change_set.by if last and last.change_set else None
    words = {"who": who.name if who else "Lotse", "name": record, "where": target.label if target else ""}
    if who == board.user:
        return _("You have already moved %(name)s to %(where)s.") % words
    return _("%(who)s has moved %(name)s to %(where)s in the meantime.") % words


def _said(board, outcome, steps) -> str:
    where = ", ".join(target.label for _described, target, _ids in steps)
    if outcome.changed == 1 and not outcome.left:
        pk = next(iter(steps[0][2])) if len(steps[0][2]) == 1 else None
        if pk:
            return _("%(name)s: %(where)s") % {"name": board.queryset.model.objects.get(pk=pk), "where": where}
    text = ngettext("%(count)s card moved to %(where)s", "%(count)s cards moved to %(where)s", outcome.changed) % {
        "count": formats.number(outcome.changed),
        "where": where,
    }
    if outcome.left:
        reasons = " ".join(list(dict.fromkeys(reason for _pk, reason in outcome.left))[:3])
        left = ngettext("%(count)s was skipped: %(why)s", "%(count)s were skipped: %(why)s", len(outcome.left))
        text += ". " + left % {"count": formats.number(len(outcome.left)), "why": reasons}
    return text


def ask(board, cards: list[Seen], to_column: str, to_row: str, data) -> None:
    """Raise Asks if this move has to be asked about first."""
    column, row = targets(board, to_column, to_row)
    for described, target, was in (
        (board.by, column, {one.column for one in cards}),
        (board.rows_by, row, {one.row for one in cards}),
    ):
        if target is not None and was != {target.key}:
            if target.refuses:
                raise Refused(target.refuses)
            writer_of(board.record, described).ask(value_of(board, described, target), data)


# --- Adding -------------------------------------------------------------------------------------------------------------


def add(board, values, column, row, *, by) -> tuple[Any, ChangeSet, Outcome]:
    """Create a record that belongs to this column and row; return it, the change set, and what rules propose."""
    values = {name: value for name, value in values.items() if value not in (None, "")}
    for described, target in ((board.by, column), (board.rows_by, row)):
        if target is None:
            continue
        value = starts_with(board, described, target)
        if value not in (None, ""):
            values[described.edit] = value
    outcome = Outcome()
    told = {} if board.record.name == "company" else {"outcome": outcome}
    creates: dict[str, Callable[..., Any]] = {
        "person": leads.create_person,
        "company": leads.create_company,
        "sale": sales.create_sale,
    }
    record = creates[board.record.name](values, by=by, via="board", **told)
    return record, created_in(record), outcome


def starts_with(board, described, target):
    """Return the value a new card of this column begins with; raise Refused where none can begin."""
    if target.refuses:
        raise Refused(target.refuses)
    value = value_of(board, described, target)
    if not writer_of(board.record, described).begins(value):
        raise Refused(_("A new card cannot begin in this column; move it here."))
    return value


def takes_new(board, column) -> bool:
    """Tell whether a new card can begin in this column."""
    try:
        starts_with(board, board.by, column)
    except Refused:
        return False
    return True
