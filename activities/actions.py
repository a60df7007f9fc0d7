"""Every change to follow-ups: add, edit, tick off, reopen, delete (R15). Shaped like leads.actions."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from activities import lifecycle
from activities.models import Activity
from crm import access
from crm.history.changes import Conflict, Outcome, act, change, chunks
from crm.history.models import Change
from crm.web import formats
from leads import actions as leads
from leads.models import Company, Person

FIELDS = ("kind", "subject", "text", "person", "company", "owner", "due_at", "all_day", "done_at")


def create_activity(values, *, by, via) -> Activity:
    """Add one follow-up; see create_activities."""
    return create_activities([values], by=by, via=via)[0]


def create_activities(many, *, by, via) -> list[Activity]:
    """Add follow-ups under one change set. One of a person at a company belongs to the company too; the owner is `by`
    unless given; a note is done at once."""
    if by.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))
    made = []
    for values in many:
        _known(values)
        activity = Activity(**{"owner": by, **values})
        if activity.person_id and not activity.company_id:
            activity.company_id = activity.person.company_id
        if activity.kind == Activity.Kind.NOTE and not activity.due_at and not activity.done_at:
            activity.done_at = timezone.now()
        _clean(activity, values, by)
        made.append(activity)
    params = {"count": len(made)} | ({"name": made[0].subject} if len(made) == 1 else {})
    with change("activity.create", by=by, via=via, params=params):
        Activity.objects.bulk_create(made, batch_size=1_000)
        lifecycle.refresh_next({a.person_id for a in made}, {a.company_id for a in made})
    return made


def edit_activity(activity, values, *, by, via, version=None, was=None) -> Outcome:
    """Change fields of one follow-up; versions as in leads.actions.edit_person."""
    _known(values)
    outcome = Outcome()
    params = {"name": activity.subject, "fields": sorted(values)}
    with change("activity.edit", by=by, via=via, params=params) as change_set:
        current = Activity.objects.select_for_update().filter(pk=activity.pk, deleted_at=None).first()
        if current is None:
            raise Conflict(activity)
        _require_edit(current, by)
        if version is not None and version != current.version:
            values = leads.check_stale(current, values, was)
        changed = {name: value for name, value in values.items() if getattr(current, name) != value}
        if changed:
            before = (current.person_id, current.company_id)
            for name, value in changed.items():
                setattr(current, name, value)
            _clean(current, changed, by)
            columns = {(f := Activity._meta.get_field(name)).attname: getattr(current, f.attname) for name in changed}
            Activity.objects.filter(pk=current.pk).update(**columns, **Activity.edited())
            lifecycle.refresh_next({before[0], current.person_id}, {before[1], current.company_id})
            outcome.changed = 1
    outcome.change_set = change_set if change_set.pk else None
    return outcome


def set_done(activities, done, *, by, via) -> Outcome:
    """Tick follow-ups off, or open them again."""

    def step(ids, outcome):
        ids = _editable(ids, by, outcome)
        targets = Activity.objects.filter(pk__in=ids, done_at__isnull=bool(done), deleted_at=None)
        ids = list(targets.values_list("pk", flat=True))
        now = timezone.now() if done else None
        outcome.changed += Activity.objects.filter(pk__in=ids).update(done_at=now, **Activity.edited())
        lifecycle.refresh_next(*lifecycle.links_of(Activity.objects.filter(pk__in=ids)))

    action = "activity.done" if done else "activity.reopen"
    return _allowed(act(activities, step, action=action, by=by, via=via, params=_params(activities)))


def delete(activities, *, by, via) -> Outcome:
    """Put follow-ups into the bin."""
    access.require(by, "may_delete")

    def step(ids, outcome):
        ids = _editable(ids, by, outcome)
        outcome.changed += Activity.objects.filter(pk__in=ids, deleted_at=None).update(
            deleted_at=timezone.now(), **Activity.edited()
        )
        lifecycle.refresh_next(*lifecycle.links_of(Activity.objects.filter(pk__in=ids)))

    return _allowed(act(activities, step, action="activity.delete", by=by, via=via, params=_params(activities)))


def restore(activities, *, by, via) -> Outcome:
    """Bring follow-ups back from the bin."""

    def step(ids, outcome):
        outcome.changed += (
            Activity.objects.filter(pk__in=ids).exclude(deleted_at=None).update(deleted_at=None, **Activity.edited())
        )
        lifecycle.refresh_next(*lifecycle.links_of(Activity.objects.filter(pk__in=ids)))

    return act(activities, step, action="activity.restore", by=by, via=via, params=_params(activities))


@leads.goes_along("person")
def into_bin_with_persons(ids, deleted_at):
    _into_bin(Activity.objects.filter(person__in=ids), deleted_at)


@leads.goes_along("company")
def into_bin_with_companies(ids, deleted_at):
    _into_bin(Activity.objects.filter(company__in=ids, person=None), deleted_at)


@leads.told_along("person")
def told_with_persons(ids):
    return _told("person", ids)


@leads.told_along("company")
def told_with_companies(ids):
    # Those of its persons are the company's as well.
    return _told("company", ids)


def _told(link, ids):
    count = sum(Activity.objects.filter(**{f"{link}__in": some}, deleted_at=None).count() for some in chunks(ids))
    return ngettext("%(count)s follow-up", "%(count)s follow-ups", count) % {"count": formats.number(count)} if count else ""


def _into_bin(activities, deleted_at):
    ids = list(activities.filter(deleted_at=None).values_list("pk", flat=True))
    Activity.objects.filter(pk__in=ids).update(deleted_at=deleted_at, **Activity.edited())
    lifecycle.derive_activities(ids)


@leads.comes_along("person")
def out_of_bin_with_persons(ids, change_sets):
    _out_of_bin(Activity.objects.filter(person__in=ids), change_sets)


@leads.comes_along("company")
def out_of_bin_with_companies(ids, change_sets):
    _out_of_bin(Activity.objects.filter(company__in=ids), change_sets)


def _out_of_bin(activities, change_sets):
    deleted = Change.objects.filter(change_set__in=change_sets, record_type="activity", field="deleted_at").values("record_id")
    ids = list(activities.filter(pk__in=deleted).exclude(deleted_at=None).values_list("pk", flat=True))
    Activity.objects.filter(pk__in=ids).update(deleted_at=None, **Activity.edited())
    lifecycle.derive_activities(ids)


def _editable(ids, by, outcome):
    every = Activity.objects.filter(pk__in=ids)
    if by.role.edit == "all":
        return ids
    allowed = set(every.filter(person__in=Person.objects.editable_by(by).values("pk")).values_list("pk", flat=True))
    allowed |= set(every.filter(company__in=Company.objects.editable_by(by).values("pk")).values_list("pk", flat=True))
    if by.role.edit != "none":
        allowed |= set(every.filter(owner=by).values_list("pk", flat=True))
    outcome.leave(set(ids) - allowed, leads.not_allowed())
    return sorted(allowed)


def _require_edit(activity, by):
    outcome = Outcome()
    _editable([activity.pk], by, outcome)
    _allowed(outcome)


def _allowed(outcome):
    if outcome.left and not outcome.changed:
        raise PermissionDenied(outcome.left[0][1])
    return outcome


def _params(activities):
    return leads.params(activities)


def _known(values):
    if unknown := set(values) - set(FIELDS):
        raise ValidationError({name: _("This field does not exist or cannot be changed.") for name in sorted(unknown)})


def _clean(activity, values, by):
    """Raise ValidationError by field unless the given values may stand in the follow-up."""
    errors = {}
    exclude = {f.name for f in activity._meta.fields if f.name not in {*values, "subject"} or f.is_relation}
    try:
        activity.clean_fields(exclude=exclude)
    except ValidationError as error:
        errors.update(error.message_dict)
    for name, model in (("person", Person), ("company", Company)):
        record = values.get(name)
        if record is not None and not access.visible(model.objects.filter(pk=record.pk), by).exists():
            errors[name] = [_("This is no valid choice.")]
    if not (activity.person_id or activity.company_id):
        errors["person"] = [_("A follow-up belongs to a person or a company.")]
    if activity.owner_id and "owner" in values and not values["owner"].is_active:
        errors["owner"] = [_("This user is switched off; choose another one.")]
    if errors:
        raise ValidationError(errors)
