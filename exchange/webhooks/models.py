"""Webhooks and what they deliver."""

from contextlib import suppress

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.sealed import opened, seal

PURPOSE = "webhook"


class WebhookQuerySet(models.QuerySet):
    def of(self, user):
        return self.filter(user=user)

    def visible_to(self, user):
        """Return the webhooks this user may look up and stop: their own; administrators those of others, too."""
        return self if user.role.administers else self.of(user)

    def due(self, now):
        """Return those of which something may be sent now; each is asked by its own index, however much others hold back."""
        heads = Delivery.objects.heads(now).filter(webhook=OuterRef("pk")).order_by()
        # A trial is sent also to find out whether a paused one works again.
        return self.filter(Q(Exists(heads), pause="") | Q(Exists(heads.filter(record_type="", record_id=0))))


class Webhook(models.Model):
    """An address that is told what happens, in the name of a user: nothing they may not see themselves."""

    class Pause(models.TextChoices):
        USER = "user", _("paused")
        FAILING = "failing", _("paused because deliveries failed")
        RIGHTS = "rights", _("paused because its owner may no longer export")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, verbose_name=_("owner"), related_name="webhooks")
    name = models.CharField(_("name"), max_length=80)
    url = models.CharField(_("address"), max_length=500)
    events = models.JSONField(_("events"), default=list)
    #: Sealed. After a change of the secret the former one signs along for a day.
    secret = models.TextField(editable=False)
    old_secret = models.TextField(blank=True, editable=False)
    old_secret_until = models.DateTimeField(null=True, editable=False)
    #: The change set after which it began to listen.
    begins_after = models.BigIntegerField(default=0, editable=False)
    pause = models.CharField(_("state"), max_length=8, choices=Pause, blank=True, editable=False)
    #: How many tries in a row have failed, and since when.
    failures = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        indexes = [models.Index(fields=["user", "-id"], name="webhook_user")]
        constraints = [models.CheckConstraint(condition=Q(pause__in=["", "user", "failing", "rights"]), name="webhook_pause")]

    def __str__(self):
        return self.name

    def keep_secret(self, clear):
        self.secret = seal(PURPOSE, clear)

    def secrets(self):
        """Return what signs now: the secret, and the former one while it still counts."""
        current = [opened(PURPOSE, self.secret)]
        if self.old_secret_until and self.old_secret_until > timezone.now():
            with suppress(InvalidToken):  # it was replaced because a restored database had lost its SECRET_KEY
                current.append(opened(PURPOSE, self.old_secret))
        return current


class DeliveryQuerySet(models.QuerySet):
    def heads(self, now):
        """Return what may be sent now: of each record the first that waits, if its time has come."""
        before = Delivery.objects.filter(
            webhook=OuterRef("webhook"), record_type=OuterRef("record_type"), record_id=OuterRef("record_id"),
            state=Delivery.State.WAITING, pk__lt=OuterRef("pk"),
        )  # fmt: skip
        due = self.filter(state=Delivery.State.WAITING, next_at__lte=now)
        return due.filter(~Exists(before)).order_by("next_at", "pk")


class Delivery(models.Model):
    """What one webhook is told of one record and one change set. Its key is the sequence that receivers go by.

    Without a record it is a trial. What was given up is *dead*, until it is sent again – under a new key, behind what came later.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DONE = "done", _("delivered")
        DEAD = "dead", _("given up")

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries", db_index=False)
    #: No foreign key: a change set that remains empty is deleted with every click that changes nothing.
    change_set = models.BigIntegerField(null=True)
    record_type = models.CharField(max_length=20, blank=True)
    record_id = models.BigIntegerField(default=0)
    at = models.DateTimeField(_("happened"), default=timezone.now)
    queued_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(_("state"), max_length=7, choices=State, default=State.WAITING)
    next_at = models.DateTimeField(_("next try"), default=timezone.now)
    # Of the last try.
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    tried_at = models.DateTimeField(_("tried"), null=True)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    milliseconds = models.PositiveIntegerField(_("duration"), null=True)
    error = models.CharField(_("last error"), max_length=300, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(fields=["webhook", "-id"], name="delivery_log"),
            models.Index(fields=["webhook", "-id"], condition=Q(state="dead"), name="delivery_dead"),
            models.Index(fields=["webhook", "next_at", "id"], condition=Q(state="waiting"), name="delivery_due"),
            models.Index(
                fields=["webhook", "record_type", "record_id", "id"], condition=Q(state="waiting"), name="delivery_order"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "record_type", "record_id", "change_set"], name="delivery_once"),
            models.CheckConstraint(condition=Q(state__in=["waiting", "done", "dead"]), name="delivery_state"),
        ]

    def __str__(self):
        return f"{self.record_type or 'test'} {self.record_id} #{self.pk}"

    @property
    def state_label(self):
        """The state in words; a trial is not given up, as it was never to be tried again."""
        return _("failed") if self.state == self.State.DEAD and not self.record_type else self.get_state_display()

    @property
    def event_id(self):
        """What names the event: the same for every webhook, and every time it is sent."""
        return f"{self.change_set}-{self.record_type}-{self.record_id}" if self.record_type else f"test-{self.pk}"
