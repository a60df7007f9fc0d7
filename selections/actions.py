"""Every change to selections and their members (S4–S6). Shaped like leads.actions.

A change of members is one entry of the selection's history however many they are, and is undone as one; it takes the records that
`by` may see (S9), in one statement of the database.
"""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm import access, criteria, search
from crm.criteria import CriteriaError
from crm.fields import Asking
from crm.history.changes import Outcome, change
from crm.locks import lock_rows
from crm.text import fold
from leads import actions as leads
from selections import lifecycle
from selections.members import MAX_DEPTH, members, problems, record_of
from selections.models import RecordKind, Selection, SelectionFavourite

FIELDS = ("name", "criteria", "operation", "part_ids", "description", "category", "owner", "visibility", "completed")
ONLY_NEW = ("record_type", "kind")  # what cannot be changed later
MAX_PARTS = 20
Kind = Selection.Kind

delete, restore = leads.delete, leads.restore


# --- Creating ---------------------------------------------------------------------------------------------------------


def create_selection(values, *, by, via, records=None) -> Selection:
    """Create a selection and return it; `records` is a queryset of a static one's first members. Without an owner it is `by`."""
    leads.may_create(by)
    values = dict(values)
    leads.known((*FIELDS, *ONLY_NEW), values)
    selection = Selection(**{"owner": by, **values})
    with change("selection.create", by=by, via=via, params={"count": 1, "name": selection.name}):
        if selection.part_ids:
            lifecycle.hold_parts()
        _clean(selection, values, by)
        selection.name_key = fold(selection.name)
        selection.save(force_insert=True)
        lifecycle.write_parts(selection)
        if records is not None:
            _only_static(selection)
            lifecycle.take_step(selection, adds=_seen(selection, records, by))
            selection.refresh_from_db()
        search.refresh("selection", [selection.pk])
    return selection


def copy_selection(selection, *, by, via, name=None) -> Selection:
    """Make a selection of one's own like this one; a static one has the members that `by` sees."""
    same = ("record_type", "kind", "criteria", "operation", "part_ids", "description", "visibility")
    values = {field: getattr(selection, field) for field in same}
    if selection.category_id and not selection.category.deleted_at:
        values["category"] = selection.category
    values["name"] = name or (_("Copy of %(name)s") % {"name": selection.name})[:120]
    return create_selection(values, by=by, via=via, records=members(selection, by) if selection.kind == Kind.STATIC else None)


def freeze(selection, *, by, via, name=None) -> Selection:
    """Make a static selection of those who are in this one now, as far as `by` sees them; raise ValidationError if it cannot be read."""
    if errors := problems(selection, Asking(by)):
        raise ValidationError({"criteria": CriteriaError(errors).told})
    values = {"name": name or (_("%(name)s, frozen") % {"name": selection.name})[:120], "record_type": selection.record_type,
              "kind": Kind.STATIC, "description": selection.description, "visibility": selection.visibility}  # fmt: skip
    return create_selection(values, by=by, via=via, records=members(selection, by))


def same_name(name, user, but=None):
    """Return a selection of this name that the user sees, or None: a hint, no error (S6)."""
    found = Selection.objects.visible_to(user).filter(name_key=fold(name or ""))
    return found.exclude(pk=but).first() if but else found.first()


# --- Editing ----------------------------------------------------------------------------------------------------------


def edit_selection(selection, values, *, by, via, version=None, was=None) -> Outcome:
    """Change fields of one selection; versions as in leads.actions.edit."""
    with transaction.atomic():
        if "part_ids" in values:
            # Before the row: who waits for this key holds no selection that another needs (crm.locks).
            lifecycle.hold_parts()
        return leads.edit(selection, values, names=FIELDS, write=_write, by=by, via=via, version=version, was=was)


def _write(current, changed, by):
    for name, value in changed.items():
        setattr(current, name, value)
    _clean(current, changed, by)
    columns = {(field := Selection._meta.get_field(name)).attname: getattr(current, field.attname) for name in changed}
    Selection.objects.filter(pk=current.pk).update(**columns, name_key=fold(current.name), **Selection.edited())
    if "part_ids" in changed:
        lifecycle.write_parts(current)
    if changed.keys() & {"name", "description"}:
        search.refresh("selection", [current.pk])


def set_owner(selections, owner, **how) -> Outcome:
    """Give selections to this user; they always belong to somebody."""
    if owner is None:
        raise ValidationError({"owner": _("A selection always belongs to somebody.")})
    return leads.set_owner(selections, owner, **how)


def set_favourite(selection, *, by, on) -> None:
    """Mark a selection as the user's favourite, or take the mark off: it is theirs alone, and no change of the selection."""
    if on:
        SelectionFavourite.objects.bulk_create([SelectionFavourite(selection=selection, user=by)], ignore_conflicts=True)
    else:
        SelectionFavourite.objects.filter(selection=selection, user=by).delete()


def _clean(selection, values, by):
    """Raise ValidationError by field unless the given values may stand in the selection."""
    errors: dict[str, list] = {}
    try:
        leads.clean(selection, {name: value for name, value in values.items() if name != "part_ids"}, by, required=("name",))
    except ValidationError as error:
        errors.update(error.message_dict)
    if selection.record_type not in RecordKind.values:
        errors["record_type"] = [_("There are no selections of such records.")]
    elif selection.kind not in Kind.values:
        errors["kind"] = [_("This is no valid choice.")]
    else:
        errors |= _check_kind(selection, values, by)
    if selection.owner_id is None:
        errors["owner"] = [_("A selection always belongs to somebody.")]
    if errors:
        raise ValidationError(errors)


def _check_kind(selection, values, by):
    """Return the errors of what belongs to the kind."""
    errors = {}
    if selection.kind != Kind.DYNAMIC and selection.criteria is not None:
        errors["criteria"] = [_("Only a dynamic selection has criteria.")]
    elif selection.kind == Kind.DYNAMIC and ("criteria" in values or selection.pk is None):
        try:
            criteria.parse(record_of(selection), selection.criteria, Asking(by))
        except CriteriaError as error:
            errors["criteria"] = error.told
    if selection.kind != Kind.COMBINED and (selection.operation or selection.part_ids):
        errors["operation"] = [_("Only a combined selection is made of others.")]
    elif selection.kind == Kind.COMBINED:
        if selection.operation not in Selection.Operation.values:
            errors["operation"] = [_("Say how they are combined.")]
        if "part_ids" in values or selection.pk is None:
            errors |= _check_parts(selection, by)
    return errors


def _check_parts(selection, by):
    """Return the errors of the parts: at least two, each once, seen by who chooses them, of one record type, no circle."""
    ids = selection.part_ids
    if not isinstance(ids, list) or not all(isinstance(pk, int) and not isinstance(pk, bool) and 0 < pk < 2**63 for pk in ids):
        return {"part_ids": [_("This is no valid choice.")]}
    if not 2 <= len(ids) <= MAX_PARTS or len(set(ids)) < len(ids):
        return {"part_ids": [_("Choose between two and %(most)s selections, each once.") % {"most": MAX_PARTS}]}
    lock_rows(Selection.objects.filter(pk__in=ids))
    there = set(selection.parts.values_list("part_id", flat=True)) if selection.pk else set()
    found = list(Selection.objects.visible_to(by).filter(pk__in=ids))
    found += Selection.objects.filter(pk__in=there.intersection(ids), deleted_at=None).exclude(pk__in=[one.pk for one in found])
    if len(found) < len(ids):
        return {"part_ids": [_("This selection does not exist.")]}
    if any(part.record_type != selection.record_type for part in found):
        return {"part_ids": [_("All of them must hold the same kind of records.")]}
    if selection.pk and selection.pk in lifecycle.within(ids):
        return {"part_ids": [_("A selection cannot be a part of itself.")]}
    if max(lifecycle.depth_of(pk) for pk in ids) + 1 > MAX_DEPTH:
        return {"part_ids": [_("Selections can be nested at most %(count)s deep.") % {"count": MAX_DEPTH}]}
    return {}


@leads.kept_by("selection")
def keep_parts(ids, by):
    # Their rows are locked by now, and whoever makes them parts of another locks them, too.
    return lifecycle.used_by(ids)


# --- Members ----------------------------------------------------------------------------------------------------------


def add_members(selection, records, *, by, via) -> Outcome:
    """Add the records of this queryset that `by` may see to a static selection."""
    return _change_members(selection, by, via, "selection.add", adds=records)


def remove_members(selection, records, *, by, via) -> Outcome:
    """Take the records of this queryset that `by` may see out of a static selection."""
    return _change_members(selection, by, via, "selection.remove", removes=records)


def matching(selection, tree, by):
    """Return the records that match criteria, to be added or removed; raise ValidationError."""
    record = record_of(selection)
    try:
        return record.model.objects.visible_to(by).filter(criteria.condition(record, tree, Asking(by)))
    except CriteriaError as error:
        raise ValidationError({"criteria": error.told}) from error


def add_from(selection, other, *, by, via) -> Outcome:
    """Add all who are in another selection of the same record type."""
    if other.record_type != selection.record_type:
        raise ValidationError({"selection": _("All of them must hold the same kind of records.")})
    if errors := problems(other, Asking(by)):
        raise ValidationError({"selection": CriteriaError(errors).told})
    return add_members(selection, members(other, by), by=by, via=via)


def _change_members(selection, by, via, action, *, adds=None, removes=None):
    outcome = Outcome()
    with transaction.atomic(), change(action, by=by, via=via, params={"count": 0, "name": selection.name}) as change_set:
        current = Selection.objects.select_for_update(no_key=True).filter(pk=selection.pk, deleted_at=None).first()
        if current is None:
            raise ValidationError(_("This selection does not exist."))
        access.require_edit(current, by)
        _only_static(current)
        step = lifecycle.take_step(current, adds=_seen(current, adds, by), removes=_seen(current, removes, by))
        if step:
            outcome.changed = step.added_count + step.removed_count
            change_set.params["count"] = outcome.changed
            change_set.save(update_fields=["params"])
    outcome.change_set = change_set if change_set.pk else None
    return outcome


def _seen(selection, queryset, by):
    """Return the records of the queryset that `by` may see, if they are of the selection's type."""
    if queryset is None:
        return None
    if queryset.model is not record_of(selection).model:
        raise ValidationError(_("This selection holds other records."))
    return access.visible(queryset, by)


def _only_static(selection):
    if selection.kind != Kind.STATIC:
        raise ValidationError(_("Only a static selection is changed by hand."))


def may_change(selection, user) -> bool:
    """Tell whether the user may change this selection."""
    try:
        access.require_edit(selection, user)
    except PermissionDenied:
        return False
    return True
