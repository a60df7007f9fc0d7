"""Acting on ticked rows, or on all that match: an app declares an `Action`; the dialog, the frozen list of ids, the job above
2,000 records and the message with *Undo* are the same for all.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm import records
from crm.history.changes import AT_ONCE, MAX_LISTED, Outcome, chunks
from crm.history.models import Change
from crm.jobs import Failed, enqueue, job
from crm.tables.asked import PER_PAGE
from crm.web import formats

MOST_KEPT = 10_000  # ids of records left unchanged, whatever the number of reasons


@dataclass(frozen=True)
class Choice:
    """One value the action can set: its key, its words, its colour if it has one."""

    key: str
    label: str
    colour: str = ""
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Action:
    """What can be done with ticked rows.

    `choices(user)` are the values to choose from (none: the action only asks for a yes), `value(key)` is the chosen one (raise
    ValidationError), `run(records, value, **how)` does it by one of the app's actions, and `said(count, value)` says what was done.
    `task(form)` reads what a larger dialog asks, for its template to show.
    `check(form)` refuses what has to be answered first (raise ValidationError), `context(ids)` is what a template of its own shows, `options` the names of further fields of its form.
    `sets` tells that each record gets a value: then those that had it already are told, and many are changed only after a yes.
    """

    name: str
    label: Any
    icon: str
    run: Callable[..., Any]
    said: Callable[[int, Any], str]
    choices: Callable[[Any], list[Choice]] | None = None
    value: Callable[[str], Any] | None = None
    allowed: Callable[[Any], bool] = lambda user: True
    template: str = "tables/act.html"
    context: Callable[[Any, list[int]], dict] | None = None
    options: tuple[str, ...] = ()
    check: Callable[[Any], None] | None = None
    task: Callable[[Any], Any] | None = None
    danger: bool = False
    sets: bool = False


class Chosen:
    """The records an action is asked for: the ticked ones, or all that match."""

    def __init__(self, table, data):
        self.table, self.data = table, data
        self.everything = data.get("everything") == "1"

    @cached_property
    def ids(self) -> list[int]:
        """The ids, in order: the frozen list the action works on."""
        if self.everything:
            return list(self.table.matching.order_by("pk").values_list("pk", flat=True))
        if not self.ticked:
            return []
        return list(self.table.queryset.filter(pk__in=self.ticked).order_by("pk").values_list("pk", flat=True))

    @cached_property
    def ticked(self) -> set[int]:
        return {int(pk) for text in self.data.getlist("ids") for pk in text.split(",") if pk.isdecimal() and len(pk) < 19}

    @property
    def gone(self) -> list[int]:
        """Those of the ticked that are not in the list by now: nobody says whether deleted, or out of one's sight."""
        return [] if self.everything else sorted(self.ticked - set(self.ids))

    @property
    def gone_text(self) -> str:
        gone = len(self.gone)
        words = ngettext(
            "%(count)s of the ticked records is no longer in this list.",
            "%(count)s of the ticked records are no longer in this list.",
            gone,
        )
        return words % {"count": formats.number(gone)} if gone and self.ids else ""

    @cached_property
    def count(self) -> int:
        return self.table.exact_count() if self.everything else len(self.ids)

    @property
    def count_text(self) -> str:
        return formats.number(self.count)

    @property
    def in_background(self) -> bool:
        return self.count > AT_ONCE

    @property
    def listed(self) -> str:
        """The ticked ids as the dialog's form carries them: whoever is gone is told of until the end."""
        return "" if self.everything else ",".join(map(str, sorted(self.ticked)))


class BulkForm:
    """The dialog's form. It carries what was seen when it opened: the ids or their number, and the last change (settled 10)."""

    def __init__(self, page, action, chosen, user, data):
        self.page, self.action, self.chosen, self.user, self.data = page, action, chosen, user, data
        self.errors: list[str] = []
        self.value: Any = None
        self.question: Any = None  # what an action's check has to ask

    @cached_property
    def as_of(self) -> int:
        """The last change the user has seen: whoever is changed after it is left, and listed."""
        given = self.data.get("as_of", "")
        if given.isdecimal() and len(given) < 19:
            return int(given)
        return Change.objects.aggregate(last=Max("id"))["last"] or 0

    @cached_property
    def choices(self) -> list[Choice]:
        return self.action.choices(self.user) if self.action.choices else []

    @cached_property
    def extra(self) -> dict:
        return self.action.context(self.user, self.chosen.ids) if self.action.context else {}

    @cached_property
    def task(self) -> Any:
        return self.action.task(self) if self.action.task else None

    @property
    def options(self) -> dict:
        return {name: self.data.get(name, "") for name in self.action.options}

    def is_valid(self) -> bool:
        if not self.chosen.count:
            self.errors = [_("None of these records is there any more.")]
        elif self.chosen.everything and self.data.get("count") != str(self.chosen.count):
            # What was not there when the dialog opened was not meant.
            self.errors = [_("The list has changed in the meantime. These are the records that match now.")]
            self.data = self.data.copy()
            self.data.pop("as_of", None)
        elif self.action.value:
            try:
                self.value = self.action.value(self.data.get("value", ""))
                if self.action.check:
                    self.action.check(self)
            except ValidationError as error:
                self.errors = error.messages
        return not self.errors

    @property
    def asks(self) -> bool:
        """Whether a yes is missing: who changes more than a page shows is told first what would come of it (S8)."""
        return self.action.sets and bool(self.choices) and self.chosen.count > PER_PAGE and self.data.get("sure") != "1"

    @property
    def choice(self) -> Choice:
        """The choice that was made."""
        return next(one for one in self.choices if one.key == self.data.get("value", ""))

    @cached_property
    def preview(self) -> "Preview":
        return Preview(self, lambda records, **how: self.action.run(records, self.value, **how, **self.options))

    def run(self):
        """Do it now, and return the outcome."""
        via = "bulk" if self.chosen.count > 1 else "list"
        outcome = _run(self.action, self.page.record, self.chosen.ids, self.value, by=self.user, via=via, as_of=self.as_of,
                       **self.options)  # fmt: skip
        outcome.leave(self.chosen.gone, not_there())
        return outcome

    def enqueue(self):
        """Let a job do it, on this list of ids."""
        return enqueue(act_in_background, owner=self.user, title=lambda: f"{self.action.label} ({self.chosen.count_text})",
                       total=self.chosen.count, page=self.page.name, action=self.action.name, ids=self.chosen.ids,
                       gone=self.chosen.gone, value=self.data.get("value", ""), as_of=self.as_of, options=self.options)  # fmt: skip

    def said(self, outcome) -> str:
        return said(self.action, outcome, self.value, len(self.chosen.ids) + len(self.chosen.gone))

    def left(self, outcome) -> dict:
        return left(self.page.record, outcome)


class TakenBack(Exception):
    """The preview was only tried."""


class Preview:
    """What a task would do to the records chosen, or to the first AT_ONCE of them: tried, and taken back."""

    def __init__(self, form, run):
        ids = form.chosen.ids[:AT_ONCE]
        self.tried, self.of = len(ids), form.chosen.count
        self.errors: list[str] = []
        outcome = Outcome()
        records = form.chosen.table.queryset.model.objects.filter(pk__in=ids)
        try:
            with transaction.atomic():
                outcome = run(records, by=form.user, via="bulk", as_of=form.as_of)
                raise TakenBack
        except TakenBack:
            pass
        except (ValidationError, PermissionDenied) as error:
            self.errors = getattr(error, "messages", [str(error)])
        self.changed = outcome.changed
        self.already = "" if self.errors else already(self.tried, outcome)
        self.left = [
            (reason, formats.number(count)) for reason, count in Counter(reason for _pk, reason in outcome.left).most_common(5)
        ]

    @property
    def text(self):
        words = {"changed": formats.number(self.changed), "tried": formats.number(self.tried), "of": formats.number(self.of)}
        if self.tried < self.of:
            return _("%(changed)s of the first %(tried)s would change, of %(of)s in all.") % words
        return _("%(changed)s of %(of)s would change.") % words


def _run(action, record_type, ids, value, **how):
    return action.run(records.get(record_type).model.objects.filter(pk__in=ids), value, **how)


def not_there():
    return _("It is no longer in this list.")


def already(asked, outcome) -> str:
    """Return how many of so many had the value before they were to get it, if any."""
    count = asked - outcome.changed - len(outcome.left)
    words = ngettext("%(count)s needed no change", "%(count)s needed no change", count)
    return words % {"count": formats.number(count)} if count else ""


def said(action, outcome, value, asked) -> str:
    """Return what came of an action for so many records: *12 persons are now Qualified; 4 needed no change; 3 left unchanged*."""
    parts = [_("Nothing was changed") if not outcome.changed else action.said(outcome.changed, value)]
    left = len(outcome.left)
    if action.sets and (words := already(asked, outcome)):
        parts.append(words)
    if left:
        parts.append(ngettext("%(count)s left unchanged", "%(count)s left unchanged", left) % {"count": formats.number(left)})
    return "; ".join(parts) + "."


def left(record_type, outcome) -> dict:
    """Return which records were left, by the reason, short enough to be kept."""
    reasons = defaultdict(list)
    counts: Counter[str] = Counter()
    kept = 0
    for pk, reason in outcome.left:
        counts[reason] += 1
        if counts[reason] <= MAX_LISTED and kept < MOST_KEPT:
            reasons[reason].append(pk)
            kept += 1
    return {"record": record_type, "count": len(outcome.left), "reasons": dict(reasons), "counts": dict(counts)}


@job
def act_in_background(job, *, page, action, ids, value, as_of, options, gone=()):
    """Do an action to more records than one transaction should hold."""
    # The lists are declared where their addresses are; a worker has not needed these so far.
    import_module(settings.ROOT_URLCONF)
    from crm.tables.pages import page as page_of

    listed = page_of(page)
    known = next((one for one in listed.actions if one.name == action), None)
    if known is None:
        raise Failed(gettext_lazy("This version of Lotse does not know this kind of work."))
    chosen = known.value(value) if known.value else None
    # What went while this waited is told of like what had gone before.
    visible = records.get(listed.record).model.objects.visible_to(job.owner)
    there = {pk for some in chunks(ids) for pk in visible.filter(pk__in=some).values_list("pk", flat=True)}
    outcome = _run(known, listed.record, sorted(there), chosen, by=job.owner, via="bulk", as_of=as_of, progress=job.progress,
                   **options)  # fmt: skip
    outcome.leave({*gone, *ids} - there, not_there())
    result: dict[str, Any] = {"text": lambda: said(known, outcome, chosen, len({*gone, *ids}))}
    if outcome.left:
        result |= {
            "left": left(listed.record, outcome),
            "url": reverse("crm:left") + f"?job={job.pk}",
            "link": gettext_lazy("Why?"),
        }
    return result | ({"undo": outcome.change_set.pk} if outcome.change_set else {})
