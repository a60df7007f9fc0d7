"""Category automation: what a lead status, or a sale, does to the category of the company (R12, R13, settled 7).

An action tells what happened (`status_set`, or `happened` from the floors above); the rules run when it is written, once for
each company, under a change set of their own that is a child of the action's. Only companies in the group *Potential
customer* are ever changed; a person without a company is treated by their own category. A rule that asks first writes a
`Proposal` instead and leaves it in the action's outcome.

What follows from a change of category (R5, R7, R8), an undo, a merge and the rules themselves set no rule off.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from crm import access
from crm.history.changes import Conflict, Outcome, change, chunks, running_id
from crm.history.hooks import guarded_by
from crm.history.models import Change, ChangeSet, Via
from crm.history.writing_back import value_of
from crm.jobs.schedule import each_night
from crm.locks import lock_rows
from leads import lifecycle
from leads.models import AutomationRule, Category, CategoryGroup, Company, LeadStatus, Person, Proposal, ProposalRecord

Event = AutomationRule.Event
#: Nobody sits before these ways in and waits for a question: the owner of the company is asked instead.
UNATTENDED = {Via.API}


@dataclass
class Happened:
    """What an action did: to these companies, and to these persons who have none."""

    event: str
    companies: set[int] = field(default_factory=set)
    persons: set[int] = field(default_factory=set)
    lead_status: LeadStatus | None = None

    def sets_off(self, rule) -> bool:
        return rule.event == self.event and (self.lead_status is None or rule.lead_status_id == self.lead_status.pk)


_collected: ContextVar[list[Happened] | None] = ContextVar("happened", default=None)


@contextmanager
def as_one(*, by, via, outcome):
    """Let all that happens inside, also in other actions, set rules off once, at the end (of several the first in rank).

    The caller has a change set open.
    """
    if _collected.get() is not None:
        yield
        return
    token = _collected.set([])
    try:
        yield
        found = _collected.get() or []
    finally:
        _collected.reset(token)
    run(found, by=by, via=via, outcome=outcome)


def happened(event, *, companies: Iterable[int] = (), persons: Iterable[int] = (), by, via, outcome, lead_status=None):
    """Tell what an action did; it has written it, and its change set is open."""
    one = Happened(event, set(companies), set(persons), lead_status)
    if (collected := _collected.get()) is not None:
        collected.append(one)
    else:
        run([one], by=by, via=via, outcome=outcome)


def status_set(person_ids, status, *, by, via, outcome):
    """Tell that somebody gave these persons this lead status."""
    if not person_ids or not _rules().filter(lead_status=status).exists():
        return
    companies, alone = set(), set()
    for ids in chunks(sorted(person_ids)):
        for pk, company in Person.objects.filter(pk__in=ids, is_lead=True).values_list("pk", "company_id"):
            (companies if company else alone).add(company or pk)
    happened(Event.LEAD_STATUS, companies=companies, persons=alone, by=by, via=via, outcome=outcome, lead_status=status)


def hold(person_ids, status):
    """Lock the companies that giving these persons this status would change: companies before persons (crm.locks)."""
    if _rules().filter(lead_status=status, ask_first=False).exists():
        lock_rows(
            Company.objects.filter(pk__in=Person.objects.filter(pk__in=person_ids, company__isnull=False).values("company"))
        )


def _rules():
    return AutomationRule.objects.filter(enabled=True, target__deleted_at=None).select_related("target", "lead_status")


def run(found: list[Happened], *, by, via, outcome):
    """Apply the rules that this sets off, or propose what they would do; the first in rank takes a company."""
    if not found:
        return
    taken: dict[type, set[int]] = {Company: set(), Person: set()}
    for rule in sorted(_rules(), key=lambda rule: (AutomationRule.ORDER.index(rule.event), rule.pk)):
        for model, attribute in ((Company, "companies"), (Person, "persons")):
            matching = {pk for one in found if one.sets_off(rule) for pk in getattr(one, attribute)} - taken[model]
            ids = [pk for some in chunks(sorted(matching)) for pk in _ids(_affected(model, some, rule))]
            if not rule.ask_first:
                ids = [pk for some in chunks(ids) for pk in _ids(_affected(model, _locked(model, some), rule))]
            taken[model] |= matching
            if not ids:
                continue
            if rule.ask_first:
                outcome.proposals += [one for one in _propose(rule, model, ids, by, via) if one not in outcome.proposals]
            else:
                _apply(rule, model, ids, rule.target, by)


def _affected(model, ids, rule):
    """Return those of the records that the rule may change (R12)."""
    records = model.objects.filter(pk__in=ids, deleted_at=None, category__group=CategoryGroup.POTENTIAL).exclude(
        category=rule.target
    )
    if model is Person:
        records = records.filter(company=None)
    return records.filter(category__lead_status_enabled=True) if rule.event == Event.LEAD_STATUS else records


def _ids(records):
    return list(records.order_by("pk").values_list("pk", flat=True))


def _locked(model, ids):
    """Return the ids, of records that nobody else changes from now on: what they are is to be asked anew (R12)."""
    lock_rows(model.objects.filter(pk__in=ids))
    return ids


def _apply(rule, model, ids, category, by, parent=None) -> ChangeSet:
    """Move these records to this category, in a change set that names the rule."""
    params = {"rule": in_languages(rule), "value": {"de": category.name_de, "en": category.name_en}, "count": len(ids)}
    with change("automation", by=by, via=Via.AUTOMATION, params=params, parent=parent) as change_set:
        for some in chunks(ids):
            records = model.objects.filter(pk__in=some)
            if model is Company:
                records.update(category=category, **Company.edited())
                lifecycle.settle(lifecycle.persons_of(some))
            else:
                came_from = dict(records.values_list("pk", "category_id"))
                records.update(category=category, **Person.edited())
                lifecycle.settle(some, came_from=came_from)
    return change_set


def in_languages(rule) -> dict[str, str]:
    """Return the rule's words in each language, for the history."""
    words = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            words[language] = str(rule)
    return words


# --- Asking first -----------------------------------------------------------------------------------------------------


def _propose(rule, model, ids, by, via) -> list[Proposal]:
    """Write down what the rule would do: one proposal for each user who is to be asked about it."""
    asked: dict[int, list[int]] = defaultdict(list)
    for some in chunks(ids):
        rows = model.objects.filter(pk__in=some).values_list("pk", "owner_id", "owner__is_active")
        for pk, owner, is_active in rows:  # who was switched off would never answer
            asked[owner if via in UNATTENDED and is_active else by.pk].append(pk)
    made = []
    for user, records in sorted(asked.items()):
        proposal, _new = Proposal.objects.get_or_create(rule=rule, change_set_id=running_id(), user_id=user)
        name = "company_id" if model is Company else "person_id"
        rows = [ProposalRecord(proposal=proposal, **{name: pk}) for pk in records]
        ProposalRecord.objects.bulk_create(rows, batch_size=1_000, ignore_conflicts=True)
        made.append(proposal)
    return made


#: event -> function(): whether what has set a question off is still so, as a condition on a ProposalRecord.
_standing: dict[str, Callable[[], Any]] = {}


def stands_while(event):
    """Register function() -> the condition on a ProposalRecord under which a question that this event has set off still stands."""

    def register(function):
        _standing[event] = function
        return function

    return register


@stands_while(Event.LEAD_STATUS)
def somebody_has_the_status():
    same = Person.objects.live().filter(is_lead=True, lead_status=OuterRef("proposal__rule__lead_status"))
    return Exists(same.filter(company=OuterRef("company"))) | Exists(same.filter(pk=OuterRef("person")))


def standing():
    """Return what proposals are about, as far as it is still so: a question about a sale that was lost since has lapsed."""
    stands = Q()
    for event, condition in _standing.items():
        stands |= Q(proposal__rule__event=event) & Q(condition())
    return ProposalRecord.objects.filter(stands)


def _stands():
    return Exists(standing().filter(proposal=OuterRef("pk")))


@each_night
def forget_lapsed():
    """Remove questions that nobody has answered and that nobody is asked any more; new ones stay, as an undo may ask them again."""
    before = timezone.now() - timedelta(days=settings.BIN_DAYS)
    old = Proposal.objects.filter(answered_at=None, created_at__lt=before).exclude(change_set__state=ChangeSet.State.RUNNING)
    old.exclude(pk__in=Proposal.objects.waiting().filter(_stands()).values("pk")).delete()


def waiting_for(user):
    """Return the proposals this user is to answer, the newest first."""
    found = Proposal.objects.waiting().filter(_stands(), user=user)
    return found.select_related("rule__target", "rule__lead_status", "change_set").order_by("-pk")


def answer(proposal, category, *, by) -> Outcome:
    """Do what a proposal proposes, with this category; None declines it.

    Records that have left *Potential customer* since are left, with the reason (R12), and so are those of which it is no longer so. Another
    category than the rule's gets only what `by` may change: that one the rule would have set by itself. Raise ValidationError for a deleted
    category and Conflict for a proposal that was answered already.
    """
    outcome = Outcome()
    if category is not None and category.deleted_at:
        raise ValidationError({"category": _("This item was deleted; choose another one.")})
    with transaction.atomic():
        current = Proposal.objects.select_for_update().filter(pk=proposal.pk, answered_at=None, user=by).first()
        if current is None:
            raise Conflict(proposal)
        Proposal.objects.filter(pk=current.pk).update(answered_at=timezone.now(), answered_by=by, category=category, shown=True)
        if category is None:
            return outcome
        for model, name in ((Company, "company_id"), (Person, "person_id")):
            ids = sorted(current.records.exclude(**{name: None}).values_list(name, flat=True))
            ids = _locked(model, ids)
            still = model.objects.filter(pk__in=ids, deleted_at=None, category__group=CategoryGroup.POTENTIAL)
            wanted = set(still.values_list("pk", flat=True))
            outcome.leave(set(ids) - wanted, _("It is no potential customer any more."), model.history.record_type)
            so = wanted & set(standing().filter(proposal=current).exclude(**{name: None}).values_list(name, flat=True))
            outcome.leave(wanted - so, _("It has changed in the meantime."), model.history.record_type)
            if by.role.edit == "none" or category.pk != current.rule.target_id:
                theirs = so & set(access.editable(model.objects.filter(pk__in=so), by).values_list("pk", flat=True))
                outcome.leave(so - theirs, _("You may not change this record."), model.history.record_type)
                so = theirs
            moving = _ids(still.filter(pk__in=so).exclude(category=category))
            if moving:
                made = _apply(current.rule, model, moving, category, by, parent=current.change_set)
                outcome.changed += len(moving)
                outcome.change_set = made if made.pk else outcome.change_set
    return outcome


# --- Editing the rules ------------------------------------------------------------------------------------------------

FIELDS = ("lead_status", "target", "enabled", "ask_first")


def create_rule(values, *, by, via) -> AutomationRule:
    """Make a rule for a lead status; those of sales are there from the start. Raise ValidationError by field."""
    access.require(by, "administers")
    rule = AutomationRule(event=Event.LEAD_STATUS, **values)
    with change("automation_rule.create", by=by, via=via) as change_set:
        _check(rule)
        with _one_of_a_status():
            rule.save(force_insert=True)
        _tell(change_set, rule)
    return rule


def edit_rule(rule, values, *, by, via, version=None, was=None) -> Outcome:
    """Change a rule; `version` and `was` as in leads.actions.edit_person (R17)."""
    from leads.actions import check_stale

    access.require(by, "administers")
    outcome = Outcome()
    with change("automation_rule.edit", by=by, via=via) as change_set:
        current = AutomationRule.objects.select_for_update().filter(pk=rule.pk).first()
        if current is None:
            raise Conflict(rule)
        if version is not None and version != current.version:
            check_stale(current, values, was)
        changed = {name: value for name, value in values.items() if getattr(current, name) != value}
        for name, value in changed.items():
            setattr(current, name, value)
        _check(current)
        if changed:
            with _one_of_a_status():
                AutomationRule.objects.filter(pk=current.pk).update(**changed, **AutomationRule.edited())
            _tell(change_set, current)
            outcome.changed = 1
    outcome.change_set = change_set if change_set.pk else None
    return outcome


def delete_rule(rule, *, by, via) -> None:
    """Remove the rule of a lead status, with what it proposed and nobody answered."""
    access.require(by, "administers")
    if rule.event != Event.LEAD_STATUS:
        raise ValidationError(_("This rule can be switched off, not deleted."))
    with change("automation_rule.delete", by=by, via=via) as change_set:
        _tell(change_set, rule)
        AutomationRule.objects.filter(pk=rule.pk).delete()


@guarded_by("automation_rule")
def rules_stay_whole(plans):
    """Leave rules that an undo would leave with what is in the bin by now, or beside another one of the same lead status."""
    plan, rules, left = plans["automation_rule"], AutomationRule.objects.in_bulk(), {}
    for name in FIELDS:
        field = AutomationRule._meta.get_field(name)
        for pk, text in plan.becomes(name).items():
            setattr(rules[pk], field.attname, value_of(field, text))
    statuses = Counter(rule.lead_status_id for rule in rules.values())
    for pk in plan.records():
        try:
            _check(rules[pk])
        except ValidationError as error:
            left[pk] = " ".join(error.messages)
        if rules[pk].lead_status_id and statuses[rules[pk].lead_status_id] > 1:
            left[pk] = _("There is already a rule for this lead status.")
    return left


def _check(rule):
    errors = {}
    if rule.event == Event.LEAD_STATUS and (rule.lead_status is None or rule.lead_status.deleted_at):
        errors["lead_status"] = _("Choose a lead status.")
    if rule.target_id is None or (rule.target.deleted_at and (rule.enabled or rule.pk is None)):
        errors["target"] = _("Choose a category.")
    if errors:
        raise ValidationError(errors)


@contextmanager
def _one_of_a_status():
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise ValidationError({"lead_status": _("There is already a rule for this lead status.")}) from error


def _tell(change_set, rule):
    change_set.params = {"list": "automation_rule", "item": in_languages(rule), "name": str(rule)}
    change_set.save(update_fields=["params"])


def rules_using(item) -> list[tuple[str, AutomationRule]]:
    """Return (text, rule) of the rules that need this category or lead status: it cannot be deleted before they change.

    One that is switched off needs nothing: to switch it on again a category that is not deleted has to be chosen.
    """
    name = {Category: "target", LeadStatus: "lead_status"}.get(type(item))
    if name is None:
        return []
    rules = AutomationRule.objects.filter(**{name: item}, enabled=True).select_related("lead_status")
    return [(_("Automation rule “%(name)s”") % {"name": rule}, rule) for rule in rules]


# --- Trying a rule on what was ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cause:
    """Something in the past that would have set a rule off: the entry of the history at which it stood, and for whom."""

    change: int
    at: datetime
    company: int | None
    person: int | None = None


#: event -> function(since) -> what set it off since then, from the history; the floor that fires an event registers it.
_past: dict[str, Callable[[datetime], Iterator[Cause]]] = {}


def past_of(event):
    """Register function(since) that yields the Causes of an event of an upper floor."""

    def register(function):
        _past[event] = function
        return function

    return register


@dataclass(frozen=True)
class Would:
    """What a rule would have changed: when, whose category, from what."""

    at: datetime
    record: Company | Person
    before: Category


def trial(rule, *, days=90, limit=500) -> list[Would]:
    """Return what the rule would have changed in the last days, the latest first; each record at its first cause only."""
    since = timezone.now() - timedelta(days=days)
    causes = list(_statuses_set(rule.lead_status, since) if rule.event == Event.LEAD_STATUS else _past[rule.event](since))
    first: dict[tuple[type, int], Cause] = {}
    for cause in sorted(causes, key=lambda cause: cause.change):
        key = (Company, cause.company) if cause.company else (Person, cause.person or 0)
        first.setdefault(key, cause)
    categories = Category.objects.in_bulk()
    would = []
    for model in (Company, Person):
        ids = [pk for of, pk in first if of is model]
        for some in chunks(sorted(ids), 500):
            records = model.objects.filter(deleted_at=None).in_bulk(some)
            moves = defaultdict(list)
            rows = Change.objects.filter(record_type=model.history.record_type, record_id__in=some, field="category", op="u")
            for pk, record_id, old in rows.order_by("id").values_list("id", "record_id", "old"):
                moves[record_id].append((pk, int(old)))
            for pk, record in records.items():
                cause = first[model, pk]
                # The category it had then: the old value of its next change, or the one it has now.
                then = next((old for number, old in moves[pk] if number > cause.change), record.category_id)
                before = categories.get(then)
                if before and _would_have(rule, before):
                    would.append(Would(cause.at, record, before))
    return sorted(would, key=lambda one: one.at, reverse=True)[:limit]


def _would_have(rule, category) -> bool:
    enabled = rule.event != Event.LEAD_STATUS or category.lead_status_enabled
    return category.group_id == CategoryGroup.POTENTIAL and enabled and category.pk != rule.target_id


def _statuses_set(status, since) -> Iterator[Cause]:
    rows = Change.objects.filter(
        record_type="person", field="lead_status", op="u", new=str(status.pk), change_set__at__gte=since, change_set__undone=False
    ).exclude(change_set__via__in=[Via.AUTOMATION, Via.SYSTEM])
    for some in chunks(list(rows.values_list("id", "change_set__at", "record_id"))):
        companies = dict(Person.objects.filter(pk__in=[pk for _id, _at, pk in some]).values_list("pk", "company_id"))
        for number, at, person in some:
            company = companies.get(person)
            yield Cause(number, at, company, None if company else person)
