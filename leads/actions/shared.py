"""What the actions share: whom they reach, what they refuse, and what the history is told."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.utils.translation import gettext as _

from crm import access
from crm.history.changes import ids_of
from crm.history.models import Change
from crm.locks import lock_rows
from crm.models import ListItem, Record, User
from leads.models import Company, LeadStatus, Person


def model_of(records):
    """Return the model of a record, a list of records or a queryset."""
    if isinstance(records, models.QuerySet):
        return records.model
    if isinstance(records, models.Model):
        return type(records)
    return type(records[0]) if records else Person


def not_allowed():
    return _("You may not change this record.")


def belongs_to_others():
    return _("Records of others belong to it, which you may not change.")


def params(records, value=None):
    """Return what the history's sentence needs: how many, or whose name, and the value in each language."""
    if isinstance(records, models.Model):
        found = {"count": 1, "name": str(records)}
    else:
        ids = ids_of(records)
        found = {"count": len(ids)}
        if len(ids) == 1:
            found["name"] = str(model_of(records).objects.get(pk=ids[0]))
    return found | ({"value": value} if value else {})


def editable(model, ids, by, outcome):
    """Return those of the ids that `by` may change, locked; the others are left."""
    lock_rows(model.objects.filter(pk__in=ids))
    allowed = set(access.editable(model.objects.filter(pk__in=ids), by).values_list("pk", flat=True))
    outcome.leave(set(ids) - allowed, not_allowed())
    return sorted(allowed)


def unchanged_since(as_of, record_type, field, ids, outcome):
    """Return the ids without those whose field changed after the user saw it."""
    if as_of is None:
        return ids
    since = Change.objects.filter(record_type=record_type, record_id__in=ids, field=field, id__gt=as_of)
    changed = set(since.values_list("record_id", flat=True))
    outcome.leave(changed, _("Somebody else changed it in the meantime."))
    return [pk for pk in ids if pk not in changed]


def answer(outcome, field):
    """Raise what an action on one record must say loudly; for many the outcome lists it."""
    if not outcome.changed and len(outcome.left) == 1:
        reason = outcome.left[0][1]
        if reason in {not_allowed(), belongs_to_others()}:
            raise PermissionDenied(reason)
        if field:
            raise ValidationError({field: reason})
    return outcome


def known(names, values):
    """Raise ValidationError for values of fields there are not."""
    if unknown := set(values) - set(names):
        raise ValidationError({name: _("This field does not exist or cannot be changed.") for name in sorted(unknown)})


def selectable(item, field):
    """Raise ValidationError unless this item can be chosen."""
    if item is None or item.deleted_at:
        raise ValidationError({field: _("This item was deleted; choose another one.")})


def clean(record, values, by, required=()):
    """Raise ValidationError by field unless the given values may stand in the record, and the required ones do."""
    errors = {}
    for name, value in values.items():
        if isinstance(value, str):
            setattr(record, name, value.strip())
    exclude = {field.name for field in record._meta.fields if field.name not in values or field.is_relation}
    exclude -= set(required)
    try:
        record.clean_fields(exclude=exclude)
    except ValidationError as error:
        errors.update(error.message_dict)
    for name, value in values.items():
        if isinstance(value, ListItem) and value.deleted_at:
            errors[name] = [_("This item was deleted; choose another one.")]
        elif isinstance(value, User) and not value.is_active:
            errors[name] = [_("This user is switched off; choose another one.")]
        elif isinstance(value, Record) and not access.visible(type(value)._default_manager.filter(pk=value.pk), by).exists():
            errors[name] = [_("This company does not exist.") if isinstance(value, Company) else _("This is no valid choice.")]
    if errors:
        raise ValidationError(errors)


def check_reason(status):
    """Raise ValidationError unless a reason can stand beside this lead status."""
    if status is None or status.kind != LeadStatus.Kind.DISQUALIFIED:
        raise ValidationError({"disqualify_reason": _("Only who is disqualified has a reason for it.")})


def category_is_the_companys(company):
    return _("The category is that of the company %(company)s; change it there.") % {"company": company.name}
