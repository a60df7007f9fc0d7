"""Change sets and changes in words: who did what, when, by which way in, from what to what."""

import datetime
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Count, ForeignKey
from django.utils.text import capfirst
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from crm.history.hooks import beside
from crm.history.models import Change, ChangeSet
from crm.history.triggers import watched_models
from crm.history.writing_back import value_of
from crm.web import formats


@dataclass
class Entry:
    """One change set as the history of one record tells it."""

    change_set: ChangeSet
    what: str
    changes: list[tuple[str, str, str]] = field(default_factory=list)  # (field, from, to)
    others: int = 0
    creates: bool = False
    undone: bool = False

    @property
    def is_undo(self):
        return self.change_set.undoes_id is not None

    @property
    def by_rule(self):
        """Whether a rule did it: then its name is told beside what changed (R13)."""
        return self.change_set.action == "automation"


def what(change_set) -> str:
    """Return what an action did, in a sentence: *Lead status set to Qualified*."""
    params = change_set.params
    value = (params.get("value") or {}).get(get_language()) or (params.get("value") or {}).get("en") or _("nobody")
    action = (params.get("of") or "") if change_set.undoes_id else change_set.action
    sentence = _of_list(action, params, value) if "list" in params else _sentences(value, params).get(action)
    if action == "automation":
        rule = params.get("rule") or {}
        named = rule.get(get_language()) or rule.get("en", "")
        sentence = _("Rule “%(rule)s”: category set to %(value)s") % {"rule": named, "value": value}
    sentence = sentence or _("Changed")
    if change_set.action == "undo":
        return _whole(action, params) or _("Undone: %(what)s") % {"what": sentence}
    if change_set.action == "redo":
        return _("Redone: %(what)s") % {"what": sentence}
    return sentence


def _whole(action, params) -> str:
    """Return what the undo of a whole record or import is called, where nothing else tells what it was."""
    record_type, _dot, what_was_done = action.partition(".")
    if action == "import":
        return _("Import of %(name)s undone") % {"name": params["name"]} if params.get("name") else _("Import undone")
    if "list" in params or record_type in {"activity", "exchange_rate"}:
        return ""
    return {"create": _("Creation undone"), "delete": _("Deletion undone")}.get(what_was_done, "")


def undone(change_set) -> str:
    """Return what an undo has taken back, for its message: there it stands alone, so it names the record and what was edited."""
    params = change_set.params
    text, name = what(change_set), params.get("name")
    record_type, _dot, action = (params.get("of") or "").partition(".")
    if action == "edit" and "list" not in params and record_type in watched_models():
        model = watched_models()[record_type]
        rows = Change.objects.filter(change_set=change_set, record_type=record_type).exclude(field="")
        names = list(rows.order_by("id").values_list("field", flat=True).distinct())
        labels = [str(beside[one].label if one in beside else model._meta.get_field(one).verbose_name) for one in names]
        if labels and record_type != "activity":
            sentence = _("%(fields)s changed") % {"fields": capfirst(", ".join(dict.fromkeys(labels)))}
            text = (_("Undone: %(what)s") if change_set.action == "undo" else _("Redone: %(what)s")) % {"what": sentence}
    return f"{text} ({name})" if name and str(name) not in text else text


def _sentences(value, params):
    planned = _planned(params)
    params = {"name": formats.number(params.get("count")), **params}  # of many there is only how many
    return {
        "person.create": _("Created"),
        "company.create": _("Created"),
        "activity.create": planned,
        "person.edit": _("Edited"),
        "company.edit": _("Edited"),
        "activity.edit": _("Follow-up changed: %(name)s") % {"name": params["name"]},
        "activity.done": _("Follow-up done: %(name)s") % {"name": params["name"]},
        "activity.reopen": _("Follow-up opened again: %(name)s") % {"name": params["name"]},
        "activity.postpone": _("Follow-up postponed to %(value)s: %(name)s") % {"value": value, "name": params["name"]},
        "activity.set_owner": _("Follow-up given to %(value)s: %(name)s") % {"value": value, "name": params["name"]},
        "activity.delete": _("Follow-up deleted: %(name)s") % {"name": params["name"]},
        "activity.restore": _("Follow-up restored: %(name)s") % {"name": params["name"]},
        "person.set_lead_status": _("Lead status set to %(value)s") % {"value": value},
        "company.set_category": _("Category set to %(value)s") % {"value": value},
        "person.set_owner": _("Owner set to %(value)s") % {"value": value},
        "company.set_owner": _("Owner set to %(value)s") % {"value": value},
        "sale.create": _("Created"),
        "sale.edit": _("Edited"),
        "sale.set_stage": _("Stage set to %(value)s") % {"value": value},
        "sale.set_owner": _("Owner set to %(value)s") % {"value": value},
        "sale.win": _("Sale won"),
        "sale.lose": _("Sale lost: %(value)s") % {"value": value},
        "sale.stall": _("Sale stalled"),
        "sale.reopen": _("Sale opened again"),
        "sale.delete": _("Deleted"),
        "sale.restore": _("Restored from the bin"),
        "exchange_rate.create": _("Exchange rate created: %(name)s") % {"name": params["name"]},
        "exchange_rate.edit": _("Exchange rate changed: %(name)s") % {"name": params["name"]},
        "exchange_rate.delete": _("Exchange rate deleted: %(name)s") % {"name": params["name"]},
        "person.delete": _("Deleted"),
        "company.delete": _("Deleted"),
        "person.restore": _("Restored from the bin"),
        "company.restore": _("Restored from the bin"),
        "selection.create": _("Created"),
        "selection.edit": _("Edited"),
        "selection.set_owner": _("Owner set to %(value)s") % {"value": value},
        "selection.add": _("Members added: %(count)s") % {"count": formats.number(params.get("count"))},
        "selection.remove": _("Members removed: %(count)s") % {"count": formats.number(params.get("count"))},
        "selection.delete": _("Deleted"),
        "selection.restore": _("Restored from the bin"),
        "dashboard.create": _("Created"),
        "dashboard.edit": _("Edited"),
        "dashboard.tiles": _("Tiles changed"),
        "dashboard.set_owner": _("Owner set to %(value)s") % {"value": value},
        "dashboard.delete": _("Deleted"),
        "dashboard.restore": _("Restored from the bin"),
        "form.create": _("Created"),
        "form.edit": _("Edited"),
        "form.set_owner": _("Owner set to %(value)s") % {"value": value},
        "form.delete": _("Deleted"),
        "form.restore": _("Restored from the bin"),
        "link.create": _("Created"),
        "link.delete": _("Deleted"),
        "link.restore": _("Restored from the bin"),
        "submission.receive": _("Sent by the form %(name)s") % {"name": params["name"]},
        "submission.accept": _("Lead captured by the form %(name)s") % {"name": params["name"]},
        "submission.quarantine": _("Put into quarantine"),
        "import": _("Imported"),
        "setup": _("Set up"),
    }


def _planned(params):
    """Return that follow-ups were added: one by its name, of many how many, and what they are about if they have that in common."""
    count, name = params.get("count") or 1, params.get("name")
    words = {"count": formats.number(count), "name": name}
    if count == 1:
        return _("Follow-up created: %(name)s") % words
    if name:
        return ngettext("%(count)s follow-up created: %(name)s", "%(count)s follow-ups created: %(name)s", count) % words
    return ngettext("%(count)s follow-up created", "%(count)s follow-ups created", count) % words


def _of_list(action, params, value):
    """Return what was done to a list that administrators edit."""
    words = {
        "create": _("%(list)s created: %(name)s"),
        "edit": _("%(list)s changed: %(name)s"),
        "reorder": _("%(list)s: order changed"),
        "set_default": _("%(list)s: the default is now %(name)s"),
        "delete": _("%(list)s deleted: %(name)s, replaced by %(value)s")
        if params.get("value")
        else _("%(list)s deleted: %(name)s"),
        "restore": _("%(list)s restored: %(name)s"),
    }.get(action.partition(".")[2], "")
    label = (
        capfirst(watched_models()[params["list"]]._meta.verbose_name) if params["list"] in watched_models() else params["list"]
    )
    names = params.get("item") or {}
    return words % {"list": label, "name": names.get(get_language()) or names.get("en", ""), "value": value}


def told(outcome, text) -> str:
    """Return a message's text, with how many were left as they were and why."""
    if outcome.left:
        reasons = " ".join(list(dict.fromkeys(reason for _pk, reason in outcome.left))[:3])
        left = ngettext("%(count)s was left as it is: %(why)s", "%(count)s were left as they are: %(why)s", len(outcome.left))
        end = "" if text.endswith(".") else "."
        text = f"{text}{end} {left % {'count': formats.number(len(outcome.left)), 'why': reasons}}"
    return text


def of_record(record, *, before=None, limit=30) -> tuple[list[Entry], int | None]:
    """Return a record's history, newest first, and the id to go on from (None at its end); a constant number of queries."""
    rows = Change.objects.filter(record_type=record.history.record_type, record_id=record.pk, change_set__isnull=False)
    sets = rows.order_by("-change_set").values_list("change_set", flat=True).distinct()
    if before:
        sets = sets.filter(change_set__lt=before)
    ids = list(sets[: limit + 1])
    return entries_of(record, ids[:limit]), ids[limit - 1] if len(ids) > limit else None


def entries_of(record, ids) -> list[Entry]:
    """Return what these change sets did to a record, in the order of the ids; a constant number of queries."""
    record_type = record.history.record_type
    found = ChangeSet.objects.select_related("by", "parent").in_bulk(ids)
    others = dict(
        Change.objects.filter(change_set__in=ids, record_type=record_type)
        .values_list("change_set")
        .annotate(count=Count("record_id", distinct=True))
    )
    entries = {pk: Entry(found[pk], what(found[pk]), others=others.get(pk, 1) - 1) for pk in ids}
    rows = Change.objects.filter(record_type=record_type, record_id=record.pk, change_set__in=ids)
    changes = list(rows.order_by("id"))
    values = _values(type(record), changes)
    for one in changes:
        entries[one.change_set_id].creates |= one.op == "i"
        if one.field and not (one.op == "i" and one.new is None):
            label = beside[one.field].label if one.field in beside else type(record)._meta.get_field(one.field).verbose_name
            entry = (_as_label(label), values(one.field, one.old), values(one.field, one.new))
            entries[one.change_set_id].changes.append(entry)
    _mark_undone(entries, record_type, record.pk)
    return list(entries.values())


def _mark_undone(entries, record_type, record_id):
    """Note which entries were undone; not where an undo took back the rest of an action, but left this record."""
    undone = [entry for entry in entries.values() if entry.change_set.undone]
    if not undone:
        return
    wrote = Change.objects.filter(record_type=record_type, record_id=record_id, change_set__undone=False)
    taken_back = set(wrote.filter(change_set__undoes__isnull=False).values_list("change_set__undoes", flat=True))
    for entry in undone:
        change_set = entry.change_set
        # What a rule did is undone with what set it off.
        above = {change_set.pk, change_set.parent_id, change_set.parent and change_set.parent.parent_id}
        left = change_set.left.get("of", {}).get(record_type, {})
        failed = change_set.state == ChangeSet.State.FAILED and not any(record_id in ids for ids in left.values())
        entry.undone = failed or bool(above & taken_back)


def of_field(record, name) -> tuple[str, str]:
    """Return the label of a field of a record, and what stands in it now in the words of its history."""
    described = type(record)._meta.get_field(name)
    if isinstance(described, ForeignKey):
        item = getattr(record, name)
        return _as_label(described.verbose_name), str(getattr(item, "label", item)) if item else _("nothing")
    return _as_label(described.verbose_name), _plain(described, described.value_from_object(record))


def _as_label(text) -> str:
    return str(text)[:1].upper() + str(text)[1:]


def _values(model, changes):
    """Return a function(field name, stored text) -> words; what foreign keys name is loaded once per table."""
    wanted: dict[Any, set] = {}
    for one in changes:
        described = model._meta.get_field(one.field) if one.field and one.field not in beside else None
        if isinstance(described, ForeignKey):
            wanted.setdefault(described.related_model, set()).update(
                value_of(described, text) for text in (one.old, one.new) if text is not None
            )
    named = {related: {item.pk: item for item in related.objects.filter(pk__in=ids)} for related, ids in wanted.items()}

    def words(name, text):
        if name in beside:
            return beside[name].words(text)
        described = model._meta.get_field(name)
        value = value_of(described, text)
        if value is not None and isinstance(described, ForeignKey):
            item = named[described.related_model].get(value)
            return str(getattr(item, "label", item)) if item else _("(no longer there)")
        return _plain(described, value)

    return words


def _plain(described, value) -> str:
    """Return in words a value of a field that names no other record: the model's own (`told`), if it has some."""
    model = described.model
    if hasattr(model, "told") and (said := model.told(described.name, value)) is not None:
        return said
    if value is None or value == "":
        return _("nothing")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if hasattr(value, "astimezone"):
        return formats.moment(value)
    if isinstance(value, datetime.date):
        return formats.date(value)
    if isinstance(value, Decimal):
        if value == value.to_integral_value():
            return formats.number(value.quantize(Decimal(1)))
        return formats.number(value.quantize(Decimal("0.01")) if described.decimal_places == 2 else value.normalize())
    if described.choices:
        return str(dict(described.flatchoices).get(value, value))
    return str(value)
