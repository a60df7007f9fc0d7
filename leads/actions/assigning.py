"""A lead status, a category or an owner, for one or many."""

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from crm.history.changes import Outcome, act
from leads import automation, lifecycle
from leads.actions.shared import answer, check_reason, editable, model_of, params, selectable, unchanged_since
from leads.models import Company, Person

#: What plans that somebody gets in touch with leads again: functions(person ids, day, by) of the upper floors.
_taken_up: list[Callable] = []


def taken_up(function):
    """Register function(ids, day, by): plan that these leads are taken up again on that day, under the running change set."""
    _taken_up.append(function)
    return function


def set_lead_status(persons, status, *, by, via, reason=None, again_on=None, as_of=None, progress=None) -> Outcome:
    """Give persons this lead status; those to whom none applies are left, with the reason (R6).

    `reason` says why they are disqualified; it goes when the status becomes one of another kind. `again_on` is the day on
    which somebody is to get in touch again: a follow-up of the same change set. `as_of` is the id of the last change the user
    saw: who got another status since is left and listed (settled 10).
    """
    if status is None or status.deleted_at:
        raise ValidationError({"lead_status": _("This lead status was deleted; choose another one.")})
    if reason is not None:
        check_reason(status)
        selectable(reason, "disqualify_reason")

    def step(ids, outcome):
        automation.hold(ids, status)
        ids = editable(Person, ids, by, outcome)
        ids = unchanged_since(as_of, "person", "lead_status", ids, outcome)
        not_applying = Person.objects.filter(pk__in=ids, is_lead=False).select_related("category")
        for person in not_applying.only("pk", "category"):
            outcome.leave([person.pk], lifecycle.why_no_status(person.category))
        leads = Person.objects.filter(pk__in=ids, is_lead=True)
        others = leads.filter(Q(lead_status=None) | ~Q(lead_status=status))
        others = list(others.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
        values = lifecycle.with_status(status) | ({"disqualify_reason": reason} if reason else {})
        outcome.changed += Person.objects.filter(pk__in=others).update(**values, **Person.edited())
        if reason:
            # Disqualified already: then it is the reason that was chosen anew.
            same = leads.filter(lead_status=status).exclude(pk__in=others).exclude(disqualify_reason=reason)
            outcome.changed += same.update(disqualify_reason=reason, **Person.edited())
        if again_on:
            for function in _taken_up:
                function(others, again_on, by)
        automation.status_set(others, status, by=by, via=via, outcome=outcome)

    outcome = act(persons, step, action="person.set_lead_status", by=by, via=via, progress=progress,
                  params=params(persons, {"de": status.name_de, "en": status.name_en}))  # fmt: skip
    return answer(outcome, "lead_status")


def set_category(companies, category, *, by, via, as_of=None, progress=None) -> Outcome:
    """Move companies to this category; their persons follow (R6, R7)."""
    selectable(category, "category")

    def step(ids, outcome):
        ids = editable(Company, ids, by, outcome)
        ids = unchanged_since(as_of, "company", "category", ids, outcome)
        moved = list(Company.objects.filter(pk__in=ids).exclude(category=category).values_list("pk", flat=True))
        outcome.changed += Company.objects.filter(pk__in=moved).update(category=category, **Company.edited())
        lifecycle.settle(lifecycle.persons_of(moved))

    outcome = act(companies, step, action="company.set_category", by=by, via=via, progress=progress,
                  params=params(companies, {"de": category.name_de, "en": category.name_en}))  # fmt: skip
    return answer(outcome, "category")


def set_owner(records, owner, *, by, via, as_of=None, progress=None) -> Outcome:
    """Give records of one type to this user, or to nobody."""
    if owner is not None and not owner.is_active:
        raise ValidationError({"owner": _("This user is switched off; choose another one.")})
    model = model_of(records)
    record_type = model.history.record_type

    def step(ids, outcome):
        ids = editable(model, ids, by, outcome)
        ids = unchanged_since(as_of, record_type, "owner", ids, outcome)
        others = ~Q(owner=owner) | Q(owner=None) if owner else Q(owner__isnull=False)
        outcome.changed += model.objects.filter(others, pk__in=ids).update(owner=owner, **model.edited())

    name = owner.name if owner else ""
    outcome = act(records, step, action=f"{record_type}.set_owner", by=by, via=via, progress=progress,
                  params=params(records, {"de": name, "en": name}))  # fmt: skip
    return answer(outcome, "owner")
