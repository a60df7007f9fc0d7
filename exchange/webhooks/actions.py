"""Every change to webhooks."""

import logging
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.history.models import ChangeSet
from exchange.webhooks import address
from exchange.webhooks.events import EVENTS
from exchange.webhooks.models import Delivery, Webhook
from exchange.webhooks.sender import may_have

logger = logging.getLogger("lotse.webhooks")

MOST = 20  # webhooks of one user
FIELDS = ("name", "url", "events")
OLD_SECRET_COUNTS = timedelta(days=1)


def create(values, *, by) -> tuple[Webhook, str]:
    """Make a webhook that is told what happens from now on; return it with its secret in clear, for the only time."""
    _require(by)
    if Webhook.objects.of(by).count() >= MOST:
        raise ValidationError(_("You have %(count)s webhooks; delete one first.") % {"count": MOST})
    webhook, secret = Webhook(user=by, **_clean(values, FIELDS)), _new_secret()
    webhook.keep_secret(secret)
    webhook.begins_after = ChangeSet.objects.aggregate(last=Max("id"))["last"] or 0
    webhook.save(force_insert=True)
    logger.info("%s made webhook %s to %s", by.username, webhook.pk, urlsplit(webhook.url).hostname)
    return webhook, secret


def edit(webhook, values, *, by) -> Webhook:
    """Change name, address or events of one's own webhook."""
    _require(by, webhook)
    values = _clean(values, ())
    if values:
        Webhook.objects.filter(pk=webhook.pk).update(**values)
        logger.info("%s changed webhook %s", by.username, webhook.pk)
    webhook.refresh_from_db()
    return webhook


def change_secret(webhook, *, by) -> str:
    """Give one's own webhook another secret and return it in clear, for the only time; the former one signs along for a day."""
    _require(by, webhook)
    secret = _new_secret()
    webhook.old_secret, webhook.old_secret_until = webhook.secret, timezone.now() + OLD_SECRET_COUNTS
    webhook.keep_secret(secret)
    webhook.save(update_fields=["secret", "old_secret", "old_secret_until"])
    logger.info("%s changed the secret of webhook %s", by.username, webhook.pk)
    return secret


def pause(webhook, *, by) -> None:
    """Hold back all of a webhook; what happens meanwhile waits."""
    _require_stop(by, webhook)
    Webhook.objects.filter(pk=webhook.pk, pause="").update(pause=Webhook.Pause.USER)


def resume(webhook, *, by) -> None:
    """Let one's own webhook go on with what has waited."""
    _require(by, webhook)
    with transaction.atomic():
        Webhook.objects.filter(pk=webhook.pk).update(pause="", failures=0, failing_since=None)
        webhook.deliveries.filter(state=Delivery.State.WAITING).update(next_at=timezone.now())


def delete(webhook, *, by) -> None:
    """Delete a webhook, with what waits and its log."""
    _require_stop(by, webhook)
    logger.info("%s deleted webhook %s to %s", by.username, webhook.pk, urlsplit(webhook.url).hostname)
    webhook.delete()


def send_test(webhook, *, by) -> Delivery:
    """Have a trial sent, also by a paused webhook; it is tried once."""
    _require(by, webhook)
    return webhook.deliveries.create(webhook=webhook)


def send_again(webhook, ids=None, *, by) -> int:
    """Queue what was given up anew, behind what came later of its record; all of it unless keys are given."""
    _require(by, webhook)
    with transaction.atomic():
        dead = webhook.deliveries.filter(state=Delivery.State.DEAD).exclude(record_type="")
        if ids is not None:
            dead = dead.filter(pk__in=ids)
        rows = list(dead.select_for_update().order_by("pk"))
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).delete()
        Delivery.objects.bulk_create(
            Delivery(webhook=webhook, change_set=row.change_set, record_type=row.record_type, record_id=row.record_id, at=row.at)
            for row in rows
        )
    return len(rows)


def _require(by, webhook=None):
    if not may_have(by) or (webhook is not None and webhook.user_id != by.pk):
        raise PermissionDenied(_("Your role does not allow this."))


def _require_stop(by, webhook):
    if webhook.user_id != by.pk and not by.role.administers:
        raise PermissionDenied(_("Your role does not allow this."))


def _new_secret():
    return f"whsec_{secrets.token_urlsafe(32)}"


def _clean(values, required):
    errors = {name: _("This field does not exist or cannot be changed.") for name in values if name not in FIELDS}
    errors.update({name: _("This field is required.") for name in required if not values.get(name)})
    cleaned = dict(values)
    if "name" in values and "name" not in errors:
        cleaned["name"] = values["name"].strip()
        if not 0 < len(cleaned["name"]) <= 80 or not cleaned["name"].isprintable():
            errors["name"] = _("Enter a name of at most 80 characters.")
    if "url" in values and "url" not in errors:
        try:
            if len(values["url"]) > 500:
                raise ValidationError(_("At most 500 characters."))
            cleaned["url"] = address.check(values["url"])
        except ValidationError as error:
            errors["url"] = error.messages
    if "events" in values and "events" not in errors:
        unknown = [name for name in values["events"] if name not in EVENTS]
        if unknown:
            errors["events"] = _("There is no event “%(name)s”.") % {"name": str(unknown[0])[:60]}
        elif not values["events"]:
            errors["events"] = _("Choose at least one.")
        cleaned["events"] = [name for name in EVENTS if name in values["events"]]
    if errors:
        raise ValidationError(errors)
    return cleaned
