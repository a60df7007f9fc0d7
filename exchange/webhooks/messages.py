"""What a delivery says: the event, and the record as the API shows it to the webhook's owner at this moment."""

import hashlib
import hmac
import json
from types import SimpleNamespace

from django.utils import timezone, translation
from django.utils.module_loading import import_string

from crm import access
from crm.history.models import Change, ChangeSet
from crm.history.triggers import watched_models
from exchange.webhooks.events import TEST, told_by
from exchange.webhooks.models import Delivery

#: Headers of a delivery.
ID, SIGNATURE = "Lotse-Event-Id", "Lotse-Signature"


def may_be_told(webhook, deliveries) -> list[Delivery]:
    """Return those of the deliveries that are about records which the webhook's owner may see."""
    allowed = {("", 0)}
    for record_type, ids in by_type(deliveries).items():
        model = watched_models()[record_type]
        there = set(model.objects.filter(pk__in=ids).values_list("pk", flat=True))
        seen = set(access.known(model.objects.filter(pk__in=ids), webhook.user).values_list("pk", flat=True))
        # Of what was removed for good nobody can say any more who saw it; who was told that it came is told that it went.
        if gone := set(ids) - there:
            told = webhook.deliveries.filter(record_type=record_type, record_id__in=gone, state=Delivery.State.DONE)
            seen.update(told.values_list("record_id", flat=True))
        allowed.update((record_type, pk) for pk in seen)
    return [one for one in deliveries if (one.record_type, one.record_id) in allowed]


def bodies(webhook, deliveries) -> dict[int, bytes]:
    """Return delivery key -> what is sent, for deliveries that may be told; a constant number of queries for each type of record."""
    from rest_framework.utils.encoders import JSONEncoder

    sets = ChangeSet.objects.in_bulk([one.change_set for one in deliveries if one.record_type])
    shown, entries = {}, {}
    with translation.override(webhook.user.language), timezone.override(webhook.user.zone):
        for record_type, ids in by_type(deliveries).items():
            shown.update({(record_type, pk): record for pk, record in _as_the_api(record_type, ids, webhook.user)})
            for change in Change.objects.filter(change_set__in=sets, record_type=record_type, record_id__in=ids).order_by("id"):
                entries.setdefault((change.change_set_id, record_type, change.record_id), []).append(change)
    return {
        one.pk: json.dumps(
            {
                "id": one.event_id,
                "sequence": one.pk,
                "time": one.at.isoformat(),
                **_event(one, sets.get(one.change_set), entries.get((one.change_set, one.record_type, one.record_id), [])),
                "record": shown.get((one.record_type, one.record_id)),
            },
            cls=JSONEncoder,
            ensure_ascii=False,
        ).encode()
        for one in deliveries
    }


def _event(delivery, change_set, changes):
    if not delivery.record_type:
        return {"events": [TEST]}
    return {
        "events": told_by(delivery.record_type, changes),
        "by": change_set.by_id if change_set else None,
        "via": change_set.via if change_set else None,
        "record_type": delivery.record_type,
        "record_id": delivery.record_id,
        "changed": sorted({change.field for change in changes if change.op == "u"} & _fields(delivery.record_type)),
    }


def by_type(deliveries):
    found: dict[str, list[int]] = {}
    for one in deliveries:
        if one.record_type:
            found.setdefault(one.record_type, []).append(one.record_id)
    return found


def _view(record_type):
    from selections.api import FORMS

    return import_string(FORMS[record_type])


def _fields(record_type):
    return set(_view(record_type).serializer_class.Meta.fields)


def _as_the_api(record_type, ids, user):
    """Yield (id, what the API shows this user) of the records that are there."""
    from crm.api import load_external_ids

    view = _view(record_type)
    records = list(view.queryset.model.objects.visible_to(user).filter(pk__in=ids).select_related(*view.related))
    if "external_ids" in _fields(record_type):
        load_external_ids(records)
    context = {"request": SimpleNamespace(user=user)}
    yield from ((record.pk, view.serializer_class(record, context=context).data) for record in records)


def signature(secrets, body, moment) -> str:
    """Return the header that proves who sent a body, and when: `t=<seconds>,v1=<HMAC-SHA256 of "t.body">`, one v1 per secret."""
    seconds = int(moment.timestamp())
    signed = f"{seconds}.".encode() + body
    return ",".join([f"t={seconds}", *(f"v1={hmac.new(one.encode(), signed, hashlib.sha256).hexdigest()}" for one in secrets)])


def headers(webhook, delivery, body) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "Lotse-Webhooks/1",
        "Connection": "close",
        ID: delivery.event_id,
        SIGNATURE: signature(webhook.secrets(), body, timezone.now()),
    }
