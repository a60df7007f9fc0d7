"""Every change to the lists that administrators edit: categories, lead statuses, industries, sources (R5, R8, R11).

The actions are shaped like those of `leads.actions` and work on every `ListItem`, also of apps above this floor. What has to
follow in the records (a replacement, lead status switched on or off) is part of the same change set, in chunks where there
are many; `is_large` tells a page to leave that to a job.
"""

from collections import defaultdict
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import Count, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import access
from crm.history.changes import AT_ONCE, Conflict, Outcome, change, chunks, long_change, writing
from crm.history.hooks import built_on_by, guarded_by
from crm.history.models import Change, ChangeSet
from crm.history.writing_back import value_of
from crm.jobs import Failed, enqueue, job
from crm.models import ListItem, Record
from leads import automation, lifecycle
from leads.actions import check_stale
from leads.models import Category, CategoryGroup, Company, LeadStatus, Person, validators

_NOT_EDITED = {"rank", "is_default", "deleted_at"}  # these have actions of their own


def fields_of(model):
    """Return the names of what can be edited of an item of this list."""
    return [name for name in model.history.fields if name not in _NOT_EDITED]


def lists() -> dict[str, type[ListItem]]:
    """Return every list, by the record type of its items."""
    return {model.history.record_type: model for model in apps.get_models() if issubclass(model, ListItem)}


def has_default(model):
    return "is_default" in model.history.fields


# --- Who uses an item -------------------------------------------------------------------------------------------------


def uses(model) -> list[tuple[type[Record], str]]:
    """Return (model, field) of all records that hold items of this list."""
    return [
        (relation.related_model, relation.field.name)
        for relation in model._meta.related_objects
        if issubclass(relation.related_model, Record)
    ]


def with_usage(queryset):
    """Annotate each item with how many records hold it, in one query: `company_count`, `person_count`, … (settled 14).

    Counted are all records, whoever may see them, save those in the bin.
    """
    counts = {}
    for model, field in uses(queryset.model):
        held = model._default_manager.filter(**{field: OuterRef("pk")}, deleted_at=None).order_by().values(field)
        counts[f"{model._meta.model_name}_count"] = Coalesce(Subquery(held.annotate(n=Count("pk")).values("n")), 0)
    return queryset.annotate(**counts)


def usage(item) -> list[tuple[type[Record], int, int]]:
    """Return (model, records that hold the item, those in the bin), for each kind of record that may hold it."""
    found = []
    for model, field in uses(type(item)):
        in_bin = Count("pk", filter=Q(deleted_at__isnull=False))
        counts = model._default_manager.filter(**{field: item}).aggregate(all=Count("pk"), in_bin=in_bin)
        found.append((model, counts["all"] - counts["in_bin"], counts["in_bin"]))
    return found


@dataclass(frozen=True)
class Follow:
    """What records copy of an item: `field` is the item's, `ids(item)` are the records that may not follow it yet, and
    `step(item, ids)` lets them; `moved(ids)` lets records follow that were given another item (a replacement)."""

    model: type[ListItem]
    field: str
    count: Callable[[ListItem], int]
    ids: Callable[[ListItem], list[int]]
    step: Callable[[ListItem, list[int]], int | None]
    moved: Callable[[list[int]], Any] | None = None


_follows: list[Follow] = []


def follows(follow: Follow):
    """Register what records of an upper floor copy of a list's items."""
    _follows.append(follow)


follows(Follow(
    Category, "lead_status_enabled", lambda item: Person.objects.filter(category=item).count(), lifecycle.persons_behind, lifecycle.follow,
))  # fmt: skip


def is_large(item, *, values=None, replacement=None):
    """Tell whether an edit with these values, or this replacement, rewrites more records than a page should wait for."""
    if replacement is not None:
        return sum(live + in_bin for _model, live, in_bin in usage(item)) > AT_ONCE
    changed = {name for name, value in (values or {}).items() if value != getattr(item, name)}
    return any(follow.count(item) > AT_ONCE for follow in _follows if isinstance(item, follow.model) and follow.field in changed)


#: functions(item) -> (text, what it names): what needs an item besides the records that hold it; see needed_by.
_needed_by: list[Callable[[ListItem], list[tuple[str, Any]]]] = []


def needed_by(function):
    """Register function(item) -> [(text, object)] of what uses an item: a rule, a form. It cannot be deleted before that changes
    (settled 5)."""
    _needed_by.append(function)
    return function


def needs(item) -> list[tuple[str, Any]]:
    """Return (text, object) of what needs this item, so that it cannot be deleted."""
    return [found for function in _needed_by for found in function(item)]


# --- Creating and editing ---------------------------------------------------------------------------------------------


def create_item(model, values, *, by, via) -> ListItem:
    """Add an item at the end of a list and return it. Raise ValidationError by field."""
    access.require(by, "administers")
    _known(model, values)
    with _names_the_field(), change(f"{model.history.record_type}.create", by=by, via=via) as change_set:
        last = model.objects.aggregate(last=Max("rank"))["last"]
        item = model(**values, rank=0 if last is None else last + 1)
        _clean(item)
        item.save(force_insert=True)
        _tell(change_set, item)
    return item


def edit_item(item, values, *, by, via, version=None, was=None, progress=None) -> Outcome:
    """Change fields of one item; `version` and `was` as in leads.actions.edit_person (R17).

    Switching lead status on or off for a category changes no stored status, and gives the default one to those who have
    none (R8). A category with lead status on must have it switched off to leave *Potential customer* (R2, settled 5).
    """
    access.require(by, "administers")
    model = type(item)
    _known(model, values)
    changed = {}

    def begin(change_set, outcome):
        current = _locked(item)
        if current.deleted_at:
            raise ValidationError(_("This item was deleted; restore it first."))
        stale = version is not None and version != current.version
        mine = check_stale(current, values, was) if stale else values
        before = {name: getattr(current, name) for name in mine}
        for name, value in mine.items():
            setattr(current, name, value)
        _clean(current)
        changed.update({name: getattr(current, name) for name in mine if getattr(current, name) != before[name]})
        if changed:
            columns = {(field := model._meta.get_field(name)).attname: getattr(current, field.attname) for name in changed}
            model.objects.filter(pk=current.pk).update(**columns, **model.edited())
            outcome.changed = 1
            _tell(change_set, current, fields=sorted(changed))

    def part(follow):
        fresh = model.objects.filter(pk=item.pk)
        return (
            lambda: follow.ids(fresh.get()) if follow.field in changed else [],
            lambda ids: follow.step(fresh.get(), ids),
        )

    parts = [part(follow) for follow in _follows if follow.model is model]
    return run(begin, parts, large=is_large(item, values=values), progress=progress,
                action=f"{model.history.record_type}.edit", by=by, via=via)  # fmt: skip


def created_in(item):
    """Return the change set that made this item."""
    made = Change.objects.filter(record_type=item.history.record_type, record_id=item.pk, op="i", field="")
    return ChangeSet.objects.filter(pk__in=made.values("change_set")).first()


def rename_group(group, values, *, by) -> None:
    """Give one of the five fixed groups other names (R1). Raise ValidationError by field."""
    access.require(by, "administers")
    if unknown := set(values) - {"name_en", "name_de"}:
        raise ValidationError({name: _("This field does not exist or cannot be changed.") for name in sorted(unknown)})
    for name, value in values.items():
        setattr(group, name, value.strip())
        try:
            validators.one_line(getattr(group, name))
        except ValidationError as error:
            raise ValidationError({name: error.messages}) from error
    group.clean_fields(exclude={"code", "rank"})
    group.save(update_fields=sorted(values))


def reorder(model, ids, *, by, via) -> Outcome:
    """Put the items of a list into this order; items not named (deleted ones, or new since) follow in the order they had."""
    access.require(by, "administers")
    outcome = Outcome()
    with change(f"{model.history.record_type}.reorder", by=by, via=via) as change_set:
        ranks = dict(model.objects.select_for_update().values_list("pk", "rank"))
        if unknown := [pk for pk in ids if pk not in ranks]:
            raise ValidationError(_("There is no item %(id)s in this list.") % {"id": unknown[0]})
        order = list(dict.fromkeys([*ids, *ranks]))
        for rank, pk in enumerate(order):
            if ranks[pk] != rank:
                outcome.changed += model.objects.filter(pk=pk).update(rank=rank, **model.edited())
        change_set.params = {"list": model.history.record_type, "count": outcome.changed}
        change_set.save(update_fields=["params"])
    outcome.change_set = change_set if change_set.pk else None
    return outcome


def set_default(item, *, by, via) -> Outcome:
    """Make this item the default of its list; the one that was it until now is so no longer (R5, settled 2)."""
    access.require(by, "administers")
    model, outcome = type(item), Outcome()
    if not has_default(model):
        raise ValidationError(_("This list has no default."))
    with change(f"{model.history.record_type}.set_default", by=by, via=via) as change_set:
        # All at once and in one order: two administrators who choose at the same time wait for each other.
        items = {each.pk: each for each in model.objects.select_for_update().order_by("pk")}
        if (current := items.get(item.pk)) is None or current.deleted_at:
            raise ValidationError(_("A deleted item cannot be the default."))
        if getattr(current, "kind", LeadStatus.Kind.OPEN) != LeadStatus.Kind.OPEN:
            raise ValidationError(_("Only a status of the kind Open can be the default."))
        if not current.is_default:
            # First none, then the new one: the database never sees two.
            model.objects.filter(is_default=True).update(is_default=False, **model.edited())
            outcome.changed = model.objects.filter(pk=item.pk).update(is_default=True, **model.edited())
            _tell(change_set, current)
    outcome.change_set = change_set if change_set.pk else None
    return outcome


# --- Deleting and restoring -------------------------------------------------------------------------------------------


def delete_item(item, replacement=None, *, by, via, progress=None) -> Outcome:
    """Delete an item softly (R11). With a replacement all its records move there, a category's as R7 says; without one they
    keep it as *(deleted)*. The default cannot be deleted (R5).

    An item that was deleted before can still be given a replacement.
    """
    access.require(by, "administers")
    model = type(item)

    def begin(change_set, outcome):
        current = _locked(item)
        if getattr(current, "is_default", False):
            raise ValidationError(_("This is the default; make another one the default first."))
        if not current.deleted_at and (using := needs(current)):
            text = _("It is used by: %(what)s. Change that first.")
            raise ValidationError(text % {"what": ", ".join(words for words, _one in using)})
        if current.deleted_at and replacement is None:
            raise ValidationError(_("This item has already been deleted."))
        if replacement is not None:
            instead = _locked(replacement) if isinstance(replacement, model) else None
            if instead is None or instead.pk == current.pk or instead.deleted_at:
                raise ValidationError({"replacement": _("Choose another item of this list that is not deleted.")})
        if not current.deleted_at:
            model.objects.filter(pk=current.pk).update(deleted_at=timezone.now(), **model.edited())
            outcome.changed += 1
        _tell(change_set, current, **({"value": _names(replacement)} if replacement else {}))

    parts = _moves(item, replacement) if replacement is not None else []
    large = replacement is not None and is_large(item, replacement=replacement)
    return run(begin, parts, large=large, progress=progress, action=f"{model.history.record_type}.delete", by=by, via=via)


def restore_item(item, *, by, via) -> Outcome:
    """Make a deleted item selectable again; records that were moved to a replacement stay there (settled 5)."""
    access.require(by, "administers")
    model, outcome = type(item), Outcome()
    with _names_the_field(), change(f"{model.history.record_type}.restore", by=by, via=via) as change_set:
        current = _locked(item)
        if current.deleted_at:
            current.deleted_at = None
            if taken := _of_the_same_name(current):
                words = _("This list has another “%(name)s” by now. Rename that one first, then restore this one.")
                raise ValidationError(words % {"name": taken.name})
            _clean(current)
            outcome.changed = model.objects.filter(pk=current.pk).update(deleted_at=None, **model.edited())
            _tell(change_set, current)
    outcome.change_set = change_set if change_set.pk else None
    return outcome


def _moves(item, replacement):
    """Return (ids, step) for each kind of record that is to hold the replacement from now on, those in the bin included."""
    if isinstance(item, Category):
        return [
            (_holding(Company.objects.filter(category=item)), lambda ids: _move_companies(ids, replacement)),
            (_holding(Person.objects.filter(category=item, company=None)), lambda ids: _move_persons(ids, item, replacement)),
        ]
    return [
        (_holding(model._default_manager.filter(**{field: item})), _move(model, field, replacement))
        for model, field in uses(type(item))
    ]


def _holding(queryset) -> Callable[[], list[int]]:
    return lambda: list(queryset.order_by("pk").values_list("pk", flat=True))


def _move(model, field, replacement):
    def step(ids):
        count = model._default_manager.filter(pk__in=ids).update(
            **{field: replacement}, **(lifecycle.reason_with(replacement) if field == "lead_status" else {}), **model.edited()
        )
        for follow in _follows:
            if follow.model is type(replacement) and follow.moved:
                follow.moved(ids)
        return count

    return step


def _move_companies(ids, category):
    Company.objects.filter(pk__in=ids).update(category=category, **Company.edited())
    lifecycle.settle(lifecycle.persons_of(ids))
    return len(ids)


def _move_persons(ids, old, category):
    Person.objects.filter(pk__in=ids).update(category=category, **Person.edited())
    lifecycle.settle(ids, came_from=dict.fromkeys(ids, old.pk))
    return len(ids)


# --- What the actions share -------------------------------------------------------------------------------------------


def run(begin, parts, *, large, progress, action, by, via) -> Outcome:
    """Run `begin(change_set, outcome)`, then every part's step over its ids, under one change set.

    A part is (function that gives the ids, step(ids)). The ids are asked for after `begin`, and once more at the end: a
    record may have come meanwhile.
    """
    outcome = Outcome()
    if not large:
        with _names_the_field(), change(action, by=by, via=via) as change_set:
            begin(change_set, outcome)
            for ids_of, step in parts:
                for chunk in chunks(ids_of()):
                    outcome.changed += step(chunk) or 0
    else:
        with long_change(action, by=by, via=via) as change_set:
            with _names_the_field(), writing(change_set):
                begin(change_set, outcome)
            for ids_of, step in [*parts, *parts]:
                ids = ids_of()
                for done, chunk in enumerate(chunks(ids), 1):
                    with writing(change_set):
                        outcome.changed += step(chunk) or 0
                    if progress:
                        progress(min(done * AT_ONCE, len(ids)), len(ids))
    outcome.change_set = change_set if change_set.pk else None
    return outcome


def _locked(item):
    current = type(item).objects.select_for_update().filter(pk=item.pk).first()
    if current is None:
        raise Conflict(item)
    return current


def _names(item):
    return {"de": item.name_de, "en": item.name_en}


def _tell(change_set, item, **more):
    """Note in the change set what the history's sentence needs."""
    change_set.params = {"list": item.history.record_type, "item": _names(item), "name": item.name, **more}
    change_set.save(update_fields=["params"])


def _known(model, values):
    if unknown := set(values) - set(fields_of(model)):
        raise ValidationError({name: _("This field does not exist or cannot be changed.") for name in sorted(unknown)})


def _clean(item):
    """Raise ValidationError by field unless the item may stand in its list."""
    if errors := wrong_in(item):
        raise ValidationError(errors)


def wrong_in(item) -> dict[str, list]:
    """Return by field why an item may not stand in its list; its texts are tidied on the way."""
    for language, other in (("en", "de"), ("de", "en")):
        for name in (f"name_{language}", f"description_{language}"):
            setattr(item, name, getattr(item, name).replace("\r\n", "\n").strip())
        # Whoever works in one language gives one name.
        if not getattr(item, f"name_{language}"):
            setattr(item, f"name_{language}", getattr(item, f"name_{other}").strip())
    errors: dict[str, list] = defaultdict(list)
    try:
        item.clean_fields(exclude=_NOT_EDITED)
    except ValidationError as error:
        errors.update(error.message_dict)
    for language in ("en", "de"):
        for name, validate in ((f"name_{language}", validators.one_line), (f"description_{language}", validators.plain)):
            try:
                validate(getattr(item, name))
            except ValidationError as error:
                errors[name] += error.messages
    others = type(item).objects.exclude(pk=item.pk)
    for name, sentence in _broken([*others, item]).get(item.pk, {}).items():
        if name not in errors:
            errors[name].append(sentence)
    return dict(errors)


def _of_the_same_name(item):
    """Return the item in use that has a name of this deleted one, if there is any."""
    for other in type(item).objects.selectable().exclude(pk=item.pk):
        if any(getattr(other, name).casefold() == getattr(item, name).casefold() for name in ("name_en", "name_de")):
            return other
    return None


def _broken(items) -> dict[int | None, dict[str, str]]:
    """Return item id -> field -> sentence for all that cannot be so in a list of these items; the database holds it too."""
    errors: dict[int | None, dict[str, str]] = defaultdict(dict)
    for name in ("name_en", "name_de"):
        same = defaultdict(list)
        for item in items:
            if not item.deleted_at:
                same[getattr(item, name).casefold()].append(item)
        for several in same.values():
            for item in several if len(several) > 1 else ():
                errors[item.pk][name] = _("“%(name)s” is already in this list.") % {"name": getattr(item, name)}
    for item in items:
        if getattr(item, "lead_status_enabled", False) and item.group_id not in {None, CategoryGroup.POTENTIAL}:
            errors[item.pk]["lead_status_enabled"] = _(
                "Only a category of the group %(potential)s can have lead status. Switch it off to choose the group %(group)s."
            ) % {"potential": CategoryGroup.objects.get(pk=CategoryGroup.POTENTIAL), "group": item.group}
        if getattr(item, "is_default", False):
            if getattr(item, "kind", LeadStatus.Kind.OPEN) != LeadStatus.Kind.OPEN:
                errors[item.pk]["kind"] = _("The default status is of the kind Open; make another one the default first.")
            if item.deleted_at:
                errors[item.pk]["deleted_at"] = _("This is the default; make another one the default first.")
    return errors


@contextmanager
def _names_the_field():
    """Turn a name that another administrator took in this very moment into an error at the field."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        for name in ("name_en", "name_de"):
            if name in str(error):
                raise ValidationError({name: _("An item of this name was added in the meantime.")}) from error
        raise


# --- Undo -------------------------------------------------------------------------------------------------------------


def _would_break(model):
    def guard(plans):
        """Leave items whose undo would break a rule of the list, because of what was changed since."""
        plan = plans[model.history.record_type]
        left: dict[int, str] = {}
        moved = {pk: overwritten for (pk, name), (_old, overwritten) in plan.values.items() if name == "rank"}
        if any(moved.values()):
            # Half an order is none.
            left = dict.fromkeys(moved, _("The order was changed again later."))
        while True:
            items = {item.pk: item for item in model.objects.all()}
            for (pk, name), (old, overwritten) in plan.values.items():
                if pk in items and pk not in left and not overwritten:
                    field = model._meta.get_field(name)
                    setattr(items[pk], field.attname, value_of(field, old))
            for pk in plan.created - left.keys():
                items[pk].deleted_at = timezone.now()
            touched = (plan.records() | plan.created) - left.keys()
            wrong = {pk: " ".join(fields.values()) for pk, fields in _broken(items.values()).items() if pk in touched}
            if not wrong and has_default(model) and sum(item.is_default for item in items.values()) != 1:
                changed = {pk for pk, name in plan.values if name == "is_default"} & touched
                wrong = dict.fromkeys(changed, _("Another one was made the default since."))
            if not wrong:
                return left
            left.update(wrong)

    return guard


def _used(model):
    def tell(ids, change_sets):
        """Tell which items records hold by now."""
        held: set[int] = set()
        for holder, field in uses(model):
            held.update(holder._default_manager.filter(**{f"{field}__in": ids}).values_list(f"{field}_id", flat=True))
        return dict.fromkeys(held, _("There are records that use it."))

    return tell


for _record_type, _model in lists().items():
    guarded_by(_record_type)(_would_break(_model))
    built_on_by(_record_type)(_used(_model))


needed_by(automation.rules_using)


# --- In the background ------------------------------------------------------------------------------------------------


def enqueue_one(function, *, by, title, unique_key, **args):
    """Let a job do this; return it. Raise ValidationError as long as another change of the same is waiting or running: of two with
    one key there is but the first."""
    found = enqueue(function, owner=by, title=title, unique_key=unique_key, **args)
    if (found.path, found.args) != (function.job_path, args):
        raise ValidationError(_("An earlier change of it is still running; try again when it is done."))
    return found


def enqueue_edit(item, values, *, by, version, was):
    """Let a job do what edit_item does; return the job. See enqueue_one."""
    plain = {name: getattr(value, "pk", value) for name, value in values.items()}
    seen = {name: getattr(value, "pk", value) for name, value in was.items()} if was else None
    return enqueue_one(edit_in_background, by=by, title=lambda: _("Changing %(name)s") % {"name": item.name},
                       unique_key=f"{item.history.record_type}:{item.pk}", record_type=item.history.record_type, pk=item.pk,
                       values=plain, version=version, was=seen)  # fmt: skip


def enqueue_delete(item, replacement, *, by):
    """Let a job do what delete_item does; return the job. See enqueue_one."""
    return enqueue_one(delete_in_background, by=by, title=lambda: _("Deleting %(name)s") % {"name": item.name},
                       unique_key=f"{item.history.record_type}:{item.pk}", record_type=item.history.record_type, pk=item.pk,
                       replacement=replacement.pk)  # fmt: skip


@job
def edit_in_background(job, *, record_type, pk, values, version, was):
    item = _item(record_type, pk)
    try:
        outcome = edit_item(item, _objects(item, values), by=job.owner, via="admin", version=version,
                            was=_objects(item, was) if was else None, progress=job.progress)  # fmt: skip
    except Conflict as error:
        raise Failed(error) from error
    return _result(item, outcome, lambda: _("%(name)s was changed.") % {"name": item.name})


@job
def delete_in_background(job, *, record_type, pk, replacement):
    item, instead = _item(record_type, pk), _item(record_type, replacement)
    outcome = delete_item(item, instead, by=job.owner, via="admin", progress=job.progress)
    text = gettext_lazy("%(name)s was deleted; its records are now in %(replacement)s.")
    return _result(item, outcome, lambda: text % {"name": item.name, "replacement": instead.name})


def _item(record_type, pk):
    item = lists()[record_type].objects.filter(pk=pk).first()
    if item is None:
        raise Failed(gettext_lazy("The item is not there any more."))
    return item


def _objects(item, values):
    """Return the values as the action takes them, from what JSON could say."""
    found = {}
    for name, value in values.items():
        field = item._meta.get_field(name)
        found[name] = field.related_model._default_manager.get(pk=value) if isinstance(field, models.ForeignKey) else value
    return found


def _result(item, outcome, text):
    result = {"text": text, "url": reverse(f"admin:{item._meta.app_label}_{item._meta.model_name}_changelist")}
    return result | ({"undo": outcome.change_set.pk} if outcome.change_set else {})
