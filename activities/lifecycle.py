"""The *next activity* of a person, a company and a sale: when the earliest open follow-up is due (R15). A copy, written only here."""

from django.db import models, transaction
from django.db.models import Min, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from activities.models import Activity
from crm.history.changes import chunks, running_id
from crm.history.hooks import after_undo, built_on_by, derived_by, forgotten_by, guarded_by
from crm.history.models import Change
from crm.history.plans import changed_again
from crm.locks import lock_rows
from crm.models import NEVER


def open_activities():
    """Return the follow-ups that are still to be done and due at some time."""
    return Activity.objects.filter(done_at=None, deleted_at=None, due_at__isnull=False)


#: What a follow-up belongs to: its field -> the model.
LINKS = {link: Activity._meta.get_field(link).related_model for link in Activity.follows_records}
#: In this order they are locked (crm.locks).
IN_ORDER = ("company", "person", "sale")


def linked(activity):
    """Return a follow-up that is not stored yet with what it belongs to besides: one of a person at a company to the company too, one
    of a sale to its company and person."""
    if activity.sale_id:
        activity.company_id = activity.company_id or activity.sale.company_id
        activity.person_id = activity.person_id or activity.sale.person_id
    if activity.person_id and not activity.company_id:
        activity.company_id = activity.person.company_id
    return activity


def refresh_next(links):
    """Write anew when the next activities of these records are due: field of the follow-up -> ids."""
    for link in IN_ORDER:
        for chunk in chunks(sorted({pk for pk in links.get(link, ()) if pk})):
            with transaction.atomic():
                records = LINKS[link].objects.filter(pk__in=chunk)
                # Locked by a statement before: the one that waits for somebody else's follow-up would not see it.
                lock_rows(records)
                records.update(next_activity_at=_next(link))


def _next(link):
    earliest = open_activities().filter(**{link: OuterRef("pk")}).order_by().values(link).annotate(due=Min("due_at"))
    return Coalesce(Subquery(earliest.values("due")[:1]), Value(NEVER))


def links_of(activities):
    """Return what these follow-ups belong to, given as a queryset or as objects: field -> ids."""
    if isinstance(activities, models.QuerySet):
        rows = list(activities.values_list(*(f"{link}_id" for link in LINKS)))
    else:
        rows = [[getattr(activity, f"{link}_id") for link in LINKS] for activity in activities]
    return {link: {row[place] for row in rows} for place, link in enumerate(LINKS)}


@derived_by("activity")
def derive_activities(ids):
    """Write the next activities anew of what these follow-ups belong to after an undo, and of what they belonged to until then."""
    for chunk in chunks(sorted(ids)):
        belong = links_of(Activity.objects.filter(pk__in=chunk))
        moved = Change.objects.filter(change_set=running_id(), record_type="activity", record_id__in=chunk, field__in=LINKS)
        for link, pk in moved.exclude(old=None).values_list("field", "old"):
            belong[link].add(int(pk))
        refresh_next(belong)


@after_undo
def derive_what_removed_ones_left(change_set):
    """Write the next activities anew of what follow-ups belonged to that are gone for good, as those of an import are."""
    sets = [change_set.pk, *change_set.children.values_list("pk", flat=True)]
    made = Change.objects.filter(change_set__in=sets, record_type="activity", op="i", field__in=LINKS, new__isnull=False)
    belonged: dict[str, set[int]] = {link: set() for link in LINKS}
    for link, pk in made.values_list("field", "new"):
        belonged[link].add(int(pk))
    refresh_next(belonged)


@guarded_by("activity")
def series_have_one_next(plans):
    """Leave follow-ups that would come back from the bin beside another next one of the same series."""
    plan = plans["activity"]
    back = [pk for pk, deleted_at in plan.becomes("deleted_at").items() if not deleted_at]
    coming = dict(Activity.objects.filter(pk__in=back, previous__isnull=False).values_list("pk", "previous"))
    there = Activity.objects.filter(previous__in=coming.values(), deleted_at=None).exclude(pk__in=plan.created)
    taken = set(there.values_list("previous", flat=True))
    return {pk: _("The series has continued in the meantime.") for pk, previous in coming.items() if previous in taken}


@guarded_by("activity")
def somebodys(plans):
    """Leave follow-ups that would come out as nobody's, because of what was changed since."""
    plan, left = plans["activity"], {}
    become = {link: plan.becomes(link) for link in ("person", "company")}
    ids = {pk for texts in become.values() for pk, text in texts.items() if text is None}
    for activity in (one for some in chunks(sorted(ids)) for one in Activity.objects.filter(pk__in=some)):
        after = {link: texts.get(activity.pk, getattr(activity, f"{link}_id")) for link, texts in become.items()}
        if not any(after.values()):
            changed = next(link for link, texts in become.items() if activity.pk not in texts)
            left[activity.pk] = changed_again(Activity, changed)
    return left


@built_on_by("person")
def persons_with_activities(ids, change_sets):
    return _with_activities("person", ids, change_sets)


@built_on_by("company")
def companies_with_activities(ids, change_sets):
    return _with_activities("company", ids, change_sets)


@built_on_by("sale")
def sales_with_activities(ids, change_sets):
    return _with_activities("sale", ids, change_sets)


def _with_activities(link, ids, change_sets):
    own = Change.objects.filter(change_set__in=change_sets, record_type="activity", op="i", field="").values("record_id")
    others = Activity.objects.filter(**{f"{link}__in": ids}, deleted_at=None).exclude(pk__in=own)
    return dict.fromkeys(others.values_list(f"{link}_id", flat=True), _("There are follow-ups."))


@forgotten_by
def stay_with_the_others(record_type, ids):
    """Let follow-ups of a company, or a sale, that is removed for good stay with whom they belong to besides (R18).

    What a removed person's follow-ups tell is of that person: they go.
    """
    if record_type == "company":
        sale = LINKS["sale"].objects.filter(pk=OuterRef("sale"))
        of_sales = Activity.objects.filter(company__in=ids, sale__isnull=False)
        stay = list(of_sales.values_list("pk", flat=True))
        of_sales.update(company=Subquery(sale.values("company")), **Activity.edited())
        derive_activities(stay)
        Activity.objects.filter(company__in=ids, person__isnull=False).update(company=None, **Activity.edited())
    elif record_type == "sale":
        Activity.objects.filter(sale__in=ids).update(sale=None, **Activity.edited())


def drift():
    """Return field -> ids of the records whose next activity is not the earliest open one; there should be none."""
    wrong = {}
    for link, model in LINKS.items():
        rows = model.objects.annotate(due=_next(link)).values_list("pk", "next_activity_at", "due")
        wrong[link] = [pk for pk, stored, right in rows.iterator() if stored != right]
    return wrong
