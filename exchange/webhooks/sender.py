"""The job that makes and sends deliveries. There is one of it at a time; a worker that dies is replaced, as for every job.

It never waits for a receiver inside a transaction: threads of its own send, it writes down what came of it. What was sent and not
yet written down when it died is sent again: at least once.
"""

import logging
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.jobs import enqueue, job
from crm.jobs.schedule import each_night, each_second
from crm.jobs.worker import Lost
from exchange.webhooks import address, messages, outbox
from exchange.webhooks.models import Delivery, Webhook

logger = logging.getLogger("lotse.webhooks")

#: How long one job goes on; then others of the queue have their turn.
SLICE = 20.0
NEWS = 0.5  # seconds between two looks at the history meanwhile
#: Threads in all, and deliveries to one webhook at a time: a slow receiver holds back itself, not the others.
THREADS, AT_ONCE = 32, 8
LOOKED_AT = 200
#: A delivery is tried so often, each time after four times as long: 10 s, 40 s … – the last one after some 15 hours.
TRIES = 8
FIRST_WAIT = timedelta(seconds=10)
#: So many failures in a row, over so long a time, pause a webhook.
PAUSE_FAILURES, PAUSE_AFTER = 20, timedelta(hours=1)
KEPT_DAYS = 14


def may_have(user) -> bool:
    """Tell whether a user may have webhooks: they carry data out, as an export does."""
    return user.is_active and user.role.may_export


@each_second
def look():
    """Enqueue the job if there is something to do; where nobody has a webhook this is one look at an empty table."""
    after = outbox.beginning()
    if after is None:
        return
    if outbox.unannounced(after).exists() or Webhook.objects.due(timezone.now()).exists():
        enqueue(deliver, unique_key="webhooks")


@job(label=gettext_lazy("Webhooks"))
def deliver(job):
    ends, announced = time.monotonic() + SLICE, 0.0
    flying: dict[Future, Delivery] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        while True:
            if job.end is Lost:
                job.check()
            if not job.end and time.monotonic() < ends:
                if time.monotonic() - announced > NEWS:
                    outbox.announce()
                    announced = time.monotonic()
                _take_off(pool, flying)
            if not flying:
                break
            landed, _flying = wait(flying, timeout=1, return_when=FIRST_COMPLETED)
            _write_down([(flying.pop(future), future.result()) for future in landed])
            job.done += len(landed)
    job.check()


def _take_off(pool, flying):
    """Send what may be sent now, as far as each webhook has room."""
    under_way: dict[int, int] = {}
    for delivery in flying.values():
        under_way[delivery.webhook_id] = under_way.get(delivery.webhook_id, 0) + 1
    for webhook in Webhook.objects.due(timezone.now()).select_related("user__role"):
        if not may_have(webhook.user):
            pause(webhook, Webhook.Pause.RIGHTS)
            webhook.deliveries.filter(record_type="", state=Delivery.State.WAITING).delete()  # trials do not wait
        elif (room := AT_ONCE - under_way.get(webhook.pk, 0)) >= AT_ONCE // 2:
            for delivery, body in _next(webhook, [one.pk for one in flying.values()], room):
                flying[pool.submit(_send, webhook, delivery, body)] = delivery


def _send(webhook, delivery, body):
    try:
        headers = messages.headers(webhook, delivery, body)
    except InvalidToken as error:  # restored beside another SECRET_KEY
        return address.Answer(0, error=error)
    return address.post(webhook.url, body, headers)


def _next(webhook, flying, most):
    """Return up to `most` (delivery, body) of a webhook; what its owner may not see is dropped unseen."""
    while True:
        heads = webhook.deliveries.heads(timezone.now()).exclude(pk__in=flying)
        heads = list((heads.filter(record_type="") if webhook.pause else heads)[:LOOKED_AT])
        allowed = messages.may_be_told(webhook, heads)
        if len(allowed) < len(heads):
            kept = {one.pk for one in allowed}
            webhook.deliveries.filter(pk__in=[one.pk for one in heads if one.pk not in kept]).delete()
        if allowed or not heads:
            break
    allowed = allowed[:most]
    made = messages.bodies(webhook, allowed)
    return [(one, made[one.pk]) for one in allowed]


def wait_after(attempts) -> timedelta:
    """Return how long to wait after so many tries."""
    return FIRST_WAIT * 4 ** (attempts - 1)


def _write_down(results):
    if not results:
        return
    webhooks = Webhook.objects.select_related("user").in_bulk({delivery.webhook_id for delivery, _answer in results})
    with transaction.atomic():
        for delivery, answer in results:
            if webhook := webhooks.get(delivery.webhook_id):
                _note(webhook, delivery, answer)
    for pk in {delivery.webhook_id for delivery, answer in results if not answer.ok} & webhooks.keys():
        failing = Webhook.objects.filter(
            pk=pk, pause="", failures__gte=PAUSE_FAILURES, failing_since__lte=timezone.now() - PAUSE_AFTER
        )
        if failing.exists():
            pause(webhooks[pk], Webhook.Pause.FAILING)


def _note(webhook, delivery, answer):
    """Write down what came of one try, of the delivery and of its webhook."""
    now, attempts = timezone.now(), delivery.attempts + 1
    with translation.override(webhook.user.language):
        error = address.said(answer)[:300]
    trial = not delivery.record_type
    given_up = not answer.ok and (trial or attempts >= TRIES)
    state = Delivery.State.DONE if answer.ok else Delivery.State.DEAD if given_up else Delivery.State.WAITING
    values = {"state": state, "attempts": attempts, "tried_at": now, "status": answer.status, "error": error,
              "milliseconds": round(answer.seconds * 1000)}  # fmt: skip
    mine = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.WAITING)
    mine.update(**values)
    if state == Delivery.State.WAITING:
        # Those behind it wait for it; nobody looks at them before.
        line = Delivery.objects.filter(
            webhook=webhook, record_type=delivery.record_type, record_id=delivery.record_id, state=Delivery.State.WAITING
        )
        line.update(next_at=now + wait_after(attempts))
    this = Webhook.objects.filter(pk=webhook.pk)
    if answer.ok:
        this.exclude(failures=0).update(failures=0, failing_since=None)
    elif not trial:
        this.update(failures=F("failures") + 1, failing_since=Coalesce("failing_since", now))


def pause(webhook, why):
    """Stop a webhook by itself, and tell its owner under the bell."""
    if not Webhook.objects.filter(pk=webhook.pk, pause="").update(pause=why):
        return
    logger.warning("Webhook %s of %s was paused: %s", webhook.pk, webhook.user.username, why)
    enqueue(
        tell_owner,
        owner=webhook.user,
        title=lambda: _("Webhook “%(name)s” was paused") % {"name": webhook.name},
        webhook_id=webhook.pk,
    )


@job
def tell_owner(job, *, webhook_id):
    """Let its owner find under the bell that a webhook was paused, and why."""
    webhook = Webhook.objects.filter(pk=webhook_id).first()
    if webhook is None:
        return None
    last = webhook.deliveries.exclude(error="").order_by("-tried_at").values_list("error", flat=True).first() or ""

    def text():
        if webhook.pause == Webhook.Pause.RIGHTS:
            return _("Your role no longer lets you export.")
        return (_("Deliveries have failed. New events are held until you resume it. %(error)s") % {"error": last}).strip()

    return {"text": text, "url": reverse("exchange:webhook", args=[webhook.pk])}


@each_night
def forget_deliveries():
    """Drop what was delivered, given up or held back long ago."""
    old = Delivery.objects.filter(queued_at__lt=timezone.now() - timedelta(days=KEPT_DAYS)).order_by("pk")
    while ids := list(old.values_list("pk", flat=True)[:10_000]):
        Delivery.objects.filter(pk__in=ids).delete()


@each_night
def forget_runs():
    """The sending itself leaves a job whenever there was something to send; what came of it stands with the deliveries."""
    from crm.jobs.models import Job

    Job.objects.filter(path=deliver.job_path, finished_at__lt=timezone.now() - timedelta(days=1)).delete()
