"""Every change to follow-ups: add, edit, tick off, reopen, postpone, give away, delete (R15). Shaped like leads.actions."""

import datetime
import zoneinfo

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from activities import due, lifecycle
from activities.models import Activity
from crm import access
from crm.history.changes import Conflict, Outcome, act, change, chunks
from crm.history.models import Change
from crm.models import time_zones
from crm.web import formats
from leads import actions as leads
from leads.models import Person, validators

FIELDS = ("kind", "subject", "text", "person", "company", "sale", "owner", "priority", "due_at", "all_day", "time_zone", "done_at",
          "repeat", "repeat_every", "repeat_until")  # fmt: skip
#: What the next of a series has from the one before.
_HANDED_ON = ("kind", "subject", "text", "person_id", "company_id", "sale_id", "owner_id", "priority", "all_day", "time_zone", "repeat",
              "repeat_every", "repeat_until", "repeat_from")  # fmt: skip


def create_activity(values, *, by, via) -> Activity:
    """Add one follow-up; see create_activities."""
    return create_activities([values], by=by, via=via)[0]


def create_activities(many, *, by, via) -> list[Activity]:
    """Add follow-ups under one change set. One of a person at a company belongs to the company too, one of a sale
    to its company and person; the owner is `by` unless given; a note is done at once. `due_at` may be a date: then it is due on that day, at no particular time."""
    if by.role.edit == "none":
        raise PermissionDenied(_("Your role may not create records."))
    planned = []
    for given in many:
        _known(given)
        values = _placed(Activity(), {"owner": by, **given}, by)
        activity = lifecycle.linked(Activity(**values))
        if activity.kind == Activity.Kind.NOTE and not activity.due_at and not activity.done_at:
            activity.done_at = timezone.now()
        planned.append((activity, values))
    made = [activity for activity, _values in planned]
    hidden = _hidden([activity for activity in made if activity.owner_id != by.pk])
    for activity, values in planned:
        _clean(activity, values, by, hidden)
    params = {"count": len(made)} | ({"name": made[0].subject} if len(made) == 1 else {})
    with change("activity.create", by=by, via=via, params=params):
        Activity.objects.bulk_create(made, batch_size=1_000)
        lifecycle.refresh_next(lifecycle.links_of(made))
    return made


def edit_activity(activity, values, *, by, via, version=None, was=None) -> Outcome:
    """Change fields of one follow-up; versions as in leads.actions.edit_person. Done by it, the next of its series is made;
    given to another person, it belongs to the company of that one."""
    _known(values)
    outcome = Outcome()
    params = {"name": activity.subject, "fields": sorted(values)}
    with change("activity.edit", by=by, via=via, params=params) as change_set:
        current = Activity.objects.select_for_update().filter(pk=activity.pk, deleted_at=None).first()
        if current is None:
            raise Conflict(activity)
        require_edit(current, by)
        if version is not None and version != current.version:
            values = leads.check_stale(current, _as_it_stands(current, values), was and _as_it_stands(current, was))
        values = _placed(current, values, by)
        changed = {name: value for name, value in values.items() if getattr(current, name) != value}
        if changed:
            before = lifecycle.links_of([current])
            for name, value in changed.items():
                setattr(current, name, value)
            # As when it is made; one of a sale stays with the sale's.
            if follows := changed.get("person") and "company" not in values and not current.sale_id:
                current.company = current.person.company
            _clean(current, changed, by, _hidden([current]) if {"owner", *lifecycle.LINKS} & changed.keys() else ())
            if follows:
                changed["company"] = current.company
            columns = {(f := Activity._meta.get_field(name)).attname: getattr(current, f.attname) for name in changed}
            Activity.objects.filter(pk=current.pk).update(**columns, **Activity.edited())
            if changed.get("done_at"):
                go_on([current.pk], timezone.now())
            lifecycle.refresh_next({link: ids | before[link] for link, ids in lifecycle.links_of([current]).items()})
            outcome.changed = 1
    outcome.change_set = change_set if change_set.pk else None
    return outcome


def _as_it_stands(activity, values):
    """Return the values, a day that is the one it is due on being written as the follow-up has it: so they can be compared."""
    same = activity.all_day and activity.day is not None and values.get("due_at") == activity.day
    return {**values, "due_at": activity.due_at} if same else values


def _placed(activity, values, by):
    """Return the values with the due date as a moment in a zone, and the series counted from it (see Activity)."""
    values = dict(values)
    given, all_day = values.get("due_at", activity.due_at), values.get("all_day", activity.all_day)
    owner = values.get("owner", activity.owner)
    if isinstance(given, str):
        given = values["due_at"] = Activity._meta.get_field("due_at").to_python(given)
    if given is not None:
        try:
            validators.day(given)
        except ValidationError as error:
            raise ValidationError({"due_at": error.messages}) from error
    if is_day := isinstance(given, datetime.date) and not isinstance(given, datetime.datetime):
        all_day = values["all_day"] = True
    zone_name = _zone_name(values.get("time_zone"))
    unchanged = (given == (activity.day if is_day else activity.due_at)) and all_day == activity.all_day
    if given is None or (unchanged and not zone_name):
        if is_day:
            values["due_at"] = activity.due_at
        # Given to somebody elsewhere, it is due on the same day there.
        if unchanged and all_day and given and owner and owner.time_zone != activity.time_zone and "owner" in values:
            values |= _moved_to(activity, owner)
    else:
        zone_name = zone_name or ((owner or by).time_zone if all_day else by.time_zone)
        if all_day:
            read_in = values.get("time_zone") or by.time_zone
            day = given if is_day else given.astimezone(zoneinfo.ZoneInfo(read_in)).date()
            given = due.moment(day, None, zoneinfo.ZoneInfo(zone_name))
        values |= {"due_at": given, "time_zone": zone_name}
    if any(name in values and values[name] != getattr(activity, name) for name in ("due_at", "time_zone", "repeat")):
        values.setdefault("repeat_from", given if values.get("repeat", activity.repeat) else None)
    return values


def _zone_name(name):
    if name and name not in dict(time_zones()):
        raise ValidationError({"time_zone": [_("This time zone is not known.")]})
    return name or ""


def _moved_to(activity, owner):
    """Return the due date of a follow-up of a whole day where its new owner is: the same day."""
    zone = zoneinfo.ZoneInfo(owner.time_zone)
    moved = {"due_at": due.moment(activity.day, None, zone), "time_zone": owner.time_zone}
    if activity.repeat_from:
        moved["repeat_from"] = due.moment(activity.repeat_from.astimezone(activity.zone).date(), None, zone)
    return moved


def set_done(activities, done, *, by, via, as_of=None, progress=None) -> Outcome:
    """Tick follow-ups off, or open them again. Of a series the next one is made at once, under the same change set."""

    def step(ids, outcome):
        ids = _unchanged_since(as_of, "done_at", _editable(ids, by, outcome), outcome)
        targets = Activity.objects.select_for_update().filter(pk__in=ids, done_at__isnull=bool(done), deleted_at=None)
        ids = list(targets.order_by("pk").values_list("pk", flat=True))
        now = timezone.now() if done else None
        outcome.changed += Activity.objects.filter(pk__in=ids).update(done_at=now, **Activity.edited())
        if done:
            go_on(ids, now)
        lifecycle.refresh_next(lifecycle.links_of(Activity.objects.filter(pk__in=ids)))

    action = "activity.done" if done else "activity.reopen"
    return _allowed(act(activities, step, action=action, by=by, via=via, params=_params(activities), progress=progress))


def go_on(ids, now):
    """Make the next of each series of which one was just done, unless it is there already."""
    ended = Activity.objects.filter(pk__in=ids).exclude(repeat="").exclude(due_at=None)
    there = Activity.objects.filter(previous__in=ended.values("pk"), deleted_at=None)
    made = []
    for activity in ended.exclude(pk__in=there.values("previous")).order_by("pk"):
        if next_due := due.next_due(activity, now):
            handed_on = {name: getattr(activity, name) for name in _HANDED_ON}
            made.append(Activity(**handed_on, due_at=next_due, previous=activity))
    Activity.objects.bulk_create(made, batch_size=1_000)


def postpone(activities, day, *, by, via, as_of=None, progress=None) -> Outcome:
    """Let open follow-ups be due on another day, at the time they had where `by` is. A series goes on from where it was."""
    if day is None:
        raise ValidationError({"day": _("Enter a date, for example 2026-01-31.")})
    try:
        validators.day(day)
    except ValidationError as error:
        raise ValidationError({"day": error.messages}) from error

    def step(ids, outcome):
        ids = _unchanged_since(as_of, "due_at", _editable(ids, by, outcome), outcome)
        now, moved = timezone.now(), []
        for activity in Activity.objects.select_for_update().filter(pk__in=ids, deleted_at=None).order_by("pk"):
            if activity.done_at:
                outcome.leave([activity.pk], _("It is already done."))
                continue
            before = activity.due_at
            if before is None:
                activity.all_day, activity.time_zone = True, (activity.owner or by).time_zone
            if activity.all_day:
                activity.due_at = due.moment(day, None, activity.zone)
            else:
                activity.due_at = due.moment(day, before.astimezone(by.zone).time(), by.zone)
            if activity.due_at != before:
                activity.version, activity.updated_at = activity.version + 1, now
                moved.append(activity)
        fields = ["due_at", "all_day", "time_zone", "version", "updated_at"]
        Activity.objects.bulk_update(moved, fields, batch_size=500)
        lifecycle.refresh_next(lifecycle.links_of(moved))
        outcome.changed += len(moved)

    value = {language: formats.in_language(language, formats.date, day) for language in ("de", "en")}
    params = leads.params(activities, value)
    return _allowed(act(activities, step, action="activity.postpone", by=by, via=via, params=params, progress=progress))


def set_owner(activities, owner, *, by, via, as_of=None, progress=None) -> Outcome:
    """Give follow-ups to this user, or to nobody. Those of a whole day are due on the same day where the new owner is."""
    if owner is not None and not owner.is_active:
        raise ValidationError({"owner": _("This user is switched off; choose another one.")})

    def step(ids, outcome):
        ids = _unchanged_since(as_of, "owner", _editable(ids, by, outcome), outcome)
        others = ~Q(owner=owner) | Q(owner=None) if owner else Q(owner__isnull=False)
        given = list(Activity.objects.filter(others, pk__in=ids, deleted_at=None).only(*lifecycle.LINKS, "owner").order_by("pk"))
        hidden = hidden_from(owner, given) if owner else []
        for activity in hidden:
            outcome.leave([activity.pk], may_not_see(owner, activity))
        ids = sorted({activity.pk for activity in given} - {activity.pk for activity in hidden})
        elsewhere = []
        if owner:
            whole_days = Activity.objects.select_for_update().filter(pk__in=ids, all_day=True, due_at__isnull=False)
            for activity in whole_days.exclude(time_zone=owner.time_zone):
                for name, value in _moved_to(activity, owner).items():
                    setattr(activity, name, value)
                elsewhere.append(activity)
        Activity.objects.bulk_update(elsewhere, ["due_at", "time_zone", "repeat_from"], batch_size=500)
        outcome.changed += Activity.objects.filter(pk__in=ids).update(owner=owner, **Activity.edited())
        lifecycle.refresh_next(lifecycle.links_of(elsewhere))

    name = owner.name if owner else ""
    params = leads.params(activities, {"de": name, "en": name})
    return _allowed(act(activities, step, action="activity.set_owner", by=by, via=via, params=params, progress=progress))


def delete(activities, *, by, via, progress=None) -> Outcome:
    """Put follow-ups into the bin."""
    access.require(by, "may_delete")

    def step(ids, outcome):
        ids = _editable(ids, by, outcome)
        outcome.changed += Activity.objects.filter(pk__in=ids, deleted_at=None).update(
            deleted_at=timezone.now(), **Activity.edited()
        )
        lifecycle.refresh_next(lifecycle.links_of(Activity.objects.filter(pk__in=ids)))

    params = _params(activities)
    return _allowed(act(activities, step, action="activity.delete", by=by, via=via, params=params, progress=progress))


def restore(activities, *, by, via) -> Outcome:
    """Bring back from the bin follow-ups that went in by themselves. Of a series there is still one next."""

    def step(ids, outcome):
        found = by_themselves(access.in_bin(Activity.objects.filter(pk__in=ids), by))
        back = dict(found.order_by("pk").values_list("pk", "previous"))
        outcome.leave(set(ids) - back.keys(), leads.not_allowed())
        there = Activity.objects.filter(previous__in=back.values(), deleted_at=None)
        gone_on = set(there.values_list("previous", flat=True))
        for pk, previous in list(back.items()):
            if previous in gone_on:
                outcome.leave([pk], _("The series has continued in the meantime."))
                del back[pk]
            elif previous:
                gone_on.add(previous)
        outcome.changed += Activity.objects.filter(pk__in=back).update(deleted_at=None, **Activity.edited())
        lifecycle.refresh_next(lifecycle.links_of(Activity.objects.filter(pk__in=back)))

    return _allowed(act(activities, step, action="activity.restore", by=by, via=via, params=_params(activities)))


def by_themselves(deleted):
    """Return those of deleted follow-ups that can come back alone: not those whose record is in the bin, with which they come."""
    of_company = Q(person=None, sale=None, company__deleted_at__isnull=False)
    return deleted.filter(person__deleted_at=None, sale__deleted_at=None).exclude(of_company)


@leads.taken_up
def get_in_touch_again(person_ids, day, by):
    """Plan for each of these leads that its owner, or `by` where there is none at work, gets in touch again on that day."""
    made = []
    for person in Person.objects.filter(pk__in=person_ids).select_related("owner"):
        # Somebody who left would remind nobody.
        owner = person.owner if person.owner and person.owner.is_active else by
        values = {"kind": Activity.Kind.TASK, "subject": _("Get in touch again"), "owner": owner, "due_at": day}
        made.append(Activity(person_id=person.pk, company_id=person.company_id, **_placed(Activity(), values, by)))
    Activity.objects.bulk_create(made, batch_size=1_000)
    lifecycle.refresh_next(lifecycle.links_of(made))


@leads.goes_along("person")
def into_bin_with_persons(ids, deleted_at):
    _into_bin(Activity.objects.filter(person__in=ids), deleted_at)


@leads.goes_along("company")
def into_bin_with_companies(ids, deleted_at):
    # Those of its persons and sales go with them.
    _into_bin(Activity.objects.filter(company__in=ids, person=None, sale=None), deleted_at)


@leads.goes_along("sale")
def into_bin_with_sales(ids, deleted_at):
    _into_bin(Activity.objects.filter(sale__in=ids), deleted_at)


@leads.told_along("person")
def told_with_persons(ids, keep_persons):
    return _told("person", ids)


@leads.told_along("company")
def told_with_companies(ids, keep_persons):
    # Those of its persons are the company's as well.
    return _told("company", ids, *([Q(person=None) | Q(sale__isnull=False)] if keep_persons else []))


@leads.told_along("sale")
def told_with_sales(ids, keep_persons):
    return _told("sale", ids)


def _told(link, ids, *which):
    count = sum(Activity.objects.filter(*which, **{f"{link}__in": some}, deleted_at=None).count() for some in chunks(ids))
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


@leads.comes_along("sale")
def out_of_bin_with_sales(ids, change_sets):
    _out_of_bin(Activity.objects.filter(sale__in=ids), change_sets)


def _out_of_bin(activities, change_sets):
    deleted = Change.objects.filter(change_set__in=change_sets, record_type="activity", field="deleted_at").values("record_id")
    ids = list(activities.filter(pk__in=deleted).exclude(deleted_at=None).values_list("pk", flat=True))
    Activity.objects.filter(pk__in=ids).update(deleted_at=None, **Activity.edited())
    lifecycle.derive_activities(ids)


def _editable(ids, by, outcome):
    """Return those of the ids that `by` may change; the others are left."""
    allowed = set(access.editable(Activity.objects.filter(pk__in=ids), by).values_list("pk", flat=True))
    outcome.leave(set(ids) - allowed, leads.not_allowed())
    return sorted(allowed)


def _unchanged_since(as_of, field, ids, outcome):
    return leads.unchanged_since(as_of, "activity", field, ids, outcome)


def require_edit(activity, by):
    """Raise PermissionDenied unless the user may change this follow-up."""
    outcome = Outcome()
    _editable([activity.pk], by, outcome)
    _allowed(outcome)


def _allowed(outcome):
    """Raise what an action that changed nothing must say loudly: of one record the reason, of many that none may be changed."""
    reasons = {reason for _pk, reason in outcome.left}
    if not outcome.changed and reasons == {leads.not_allowed()}:
        raise PermissionDenied(leads.not_allowed())
    if not outcome.changed and len(outcome.left) == 1:
        raise ValidationError(reasons.pop())
    return outcome


def _params(activities):
    return leads.params(activities)


def hidden_from(owner, activities):
    """Return those of these follow-ups, stored or not, that would be in nobody's day, for their owner may not see what they are about.

    Who is switched off sees nothing; what is theirs stays with them until somebody gives it away.
    """
    if not owner.is_active:
        return []
    seen = {id(activity) for activity in access.seen_among(activities, owner)}
    return [activity for activity in activities if id(activity) not in seen]


def _hidden(activities):
    """Return those of these follow-ups that their owners may not see; what belongs to nobody is hidden from nobody."""
    of = {}
    for activity in activities:
        if activity.owner_id:
            of.setdefault(activity.owner, []).append(activity)
    return [one for owner, theirs in of.items() for one in hidden_from(owner, theirs)]


def may_not_see(owner, activity):
    """Say that a follow-up cannot be given to this user."""
    if activity.sale_id:
        words = _("%(name)s may not see this sale.")
    elif activity.person_id:
        words = _("%(name)s may not see this person.")
    else:
        words = _("%(name)s may not see this company.")
    return words % {"name": owner.name}


def _known(values):
    if unknown := set(values) - set(FIELDS):
        raise ValidationError({name: _("This field does not exist or cannot be changed.") for name in sorted(unknown)})


def _clean(activity, values, by, hidden):
    """Raise ValidationError by field unless the given values may stand in the follow-up; `hidden` are those their owner may not see."""
    errors = {}
    exclude = {f.name for f in activity._meta.fields if f.name not in {*values, "subject"} or f.is_relation}
    try:
        activity.clean_fields(exclude=exclude)
    except ValidationError as error:
        errors.update(error.message_dict)
    for name, model in lifecycle.LINKS.items():
        record = values.get(name)
        if record is not None and not access.visible(model.objects.filter(pk=record.pk), by).exists():
            errors[name] = [_("This is no valid choice.")]
    if activity.sale_id and {"sale", "company"} & values.keys() and activity.sale.company_id != activity.company_id:
        errors["sale"] = [_("The sale belongs to another company.")]
    placed = "company" in values or ("person" in values and activity.sale_id)
    if placed and activity.person_id and activity.company_id and activity.person.company_id != activity.company_id:
        errors["person"] = [
            _("%(name)s is not at the company %(company)s.") % {"name": activity.person, "company": activity.company}
        ]
    if not (activity.person_id or activity.company_id):
        errors["person"] = [_("A follow-up belongs to a person or a company.")]
    if activity.repeat and activity.kind == Activity.Kind.NOTE:
        errors["repeat"] = [_("A note does not repeat.")]
    elif activity.repeat and not activity.due_at:
        errors["repeat"] = [_("Say when it is due first; from there it repeats.")]
    elif activity.repeat and activity.repeat_until and activity.repeat_until < activity.day:
        errors["repeat_until"] = [_("This is before it is due for the first time.")]
    if activity.owner_id and "owner" in values and not values["owner"].is_active:
        errors["owner"] = [_("This user is switched off; choose another one.")]
    elif any(one is activity for one in hidden):
        errors["owner"] = [may_not_see(activity.owner, activity)]
    if errors:
        raise ValidationError(errors)
