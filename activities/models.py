"""Follow-ups: what is to be done next with a person or company, and what was done (R15)."""

import zoneinfo

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from crm.history.triggers import Watch
from crm.models import Record
from crm.web import formats
from leads.models import Company, Person, validators


class Activity(Record):
    """A follow-up. It belongs to a person or a company (of a person at a company: to both), one of a sale to that as well.

    Due on a day it is due until that day's last second in `time_zone`: the zone of its owner, whoever typed it. At a time it
    keeps the zone in which that was typed, so that what repeats stays at nine o'clock. Of a series there is one that is open;
    ticking it off makes the next (`previous` names it), counted from `repeat_from`, which postponing leaves alone.
    """

    class Kind(models.TextChoices):
        CALL = "call", _("Call")
        MEETING = "meeting", _("Meeting")
        TASK = "task", _("Task")
        EMAIL = "email", _("E-mail")
        NOTE = "note", _("Note")

    class Priority(models.TextChoices):
        HIGH = "high", pgettext_lazy("priority", "High")
        NORMAL = "normal", pgettext_lazy("priority", "Normal")
        LOW = "low", pgettext_lazy("priority", "Low")

    class Repeat(models.TextChoices):
        NEVER = "", pgettext_lazy("repeat", "Never")
        DAILY = "daily", pgettext_lazy("repeat", "Daily")
        WEEKLY = "weekly", pgettext_lazy("repeat", "Weekly")
        MONTHLY = "monthly", pgettext_lazy("repeat", "Monthly")
        YEARLY = "yearly", pgettext_lazy("repeat", "Yearly")

    kind = models.CharField(_("type"), max_length=8, choices=Kind, default=Kind.TASK)
    subject = models.CharField(_("subject"), max_length=200, validators=[validators.one_line])
    text = models.TextField(_("text"), blank=True, max_length=20_000, validators=[validators.plain])
    person = models.ForeignKey(
        Person, models.CASCADE, null=True, blank=True, verbose_name=_("person"), related_name="activities", db_index=False
    )
    company = models.ForeignKey(
        Company, models.CASCADE, null=True, blank=True, verbose_name=_("company"), related_name="activities", db_index=False
    )
    # Of the floor above, named as Django's settings name the user model; with it stand the sale's company and person.
    sale = models.ForeignKey(
        "sales.Sale", models.CASCADE, null=True, blank=True, verbose_name=_("sale"), related_name="activities", db_index=False
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, verbose_name=_("owner"), related_name="activities",
        db_index=False,
    )  # fmt: skip
    priority = models.CharField(_("priority"), max_length=6, choices=Priority, default=Priority.NORMAL)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    all_day = models.BooleanField(_("all day"), default=False, help_text=_("Due on the day, at no particular time."))
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    repeat = models.CharField(_("repeat"), max_length=7, choices=Repeat, blank=True, default=Repeat.NEVER)
    repeat_every = models.PositiveSmallIntegerField(
        _("every"), default=1, validators=[MinValueValidator(1), MaxValueValidator(99)]
    )
    repeat_until = models.DateField(_("until"), null=True, blank=True)
    repeat_from = models.DateTimeField(_("repeats from"), null=True, editable=False)
    previous = models.ForeignKey("self", models.SET_NULL, null=True, editable=False, related_name="next_ones", db_index=False)

    follows_records = ("person", "company", "sale")
    #: A person or a sale of somebody's may be at a company of nobody's.
    of_nobodys_unless = {"company": ("person", "sale")}
    history = Watch(
        "activity",
        fields=("kind", "subject", "text", "person", "company", "sale", "owner", "priority", "due_at", "all_day", "time_zone", "done_at",
                "repeat", "repeat_every", "repeat_until", "repeat_from", "deleted_at"),
        first=("subject", "person", "company", "sale", "owner"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("follow-up")
        verbose_name_plural = _("follow-ups")
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False) | Q(company__isnull=False),
                name="activity_of_somebody",
                violation_error_message=_("A follow-up belongs to a person or a company."),
            ),
            models.CheckConstraint(condition=Q(kind__in=("call", "meeting", "task", "email", "note")), name="activity_kind"),
            models.CheckConstraint(condition=Q(priority__in=("high", "normal", "low")), name="activity_priority"),
            models.CheckConstraint(condition=Q(repeat__in=("", "daily", "weekly", "monthly", "yearly")), name="activity_repeat"),
            models.CheckConstraint(condition=Q(repeat_every__gte=1, repeat_every__lte=99), name="activity_repeat_every"),
        ]
        indexes = [
            # The timeline's order; open ones are read by the two after them.
            models.Index(fields=["person", "-done_at", "-id"], name="ac_person_done"),
            models.Index(fields=["company", "-done_at", "-id"], name="ac_company_done"),
            models.Index(fields=["person", "due_at"], condition=Q(done_at=None, deleted_at=None), name="ac_person_open"),
            models.Index(fields=["company", "due_at"], condition=Q(done_at=None, deleted_at=None), name="ac_company_open"),
            models.Index(fields=["sale", "-done_at", "-id"], condition=Q(sale__isnull=False), name="ac_sale_done"),
            models.Index(
                fields=["sale", "due_at"], condition=Q(done_at=None, deleted_at=None, sale__isnull=False), name="ac_sale_open"
            ),
            models.Index(fields=["owner", "due_at", "id"], condition=Q(done_at=None, deleted_at=None), name="ac_owner_open"),
            models.Index(fields=["due_at", "id"], condition=Q(done_at=None, deleted_at=None), name="ac_open"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="ac_bin"),
            models.Index(fields=["previous"], condition=Q(previous__isnull=False), name="ac_previous"),
        ]

    def __str__(self):
        return self.subject

    @property
    def zone(self):
        return zoneinfo.ZoneInfo(self.time_zone or settings.DEFAULT_USER_TIME_ZONE)

    @property
    def day(self):
        """The day it is due on, where that was meant."""
        return self.due_at.astimezone(self.zone).date() if self.due_at else None

    @property
    def due(self):
        """When it is due as it is shown: a day, or a moment."""
        return self.day if self.all_day else self.due_at

    @property
    def repeats(self):
        """How it repeats, in words: *every 2 weeks until 31 Jan 2027*."""
        if not self.repeat:
            return ""
        words = {
            self.Repeat.DAILY: ngettext("every day", "every %(count)s days", self.repeat_every),
            self.Repeat.WEEKLY: ngettext("every week", "every %(count)s weeks", self.repeat_every),
            self.Repeat.MONTHLY: ngettext("every month", "every %(count)s months", self.repeat_every),
            self.Repeat.YEARLY: ngettext("every year", "every %(count)s years", self.repeat_every),
        }[self.Repeat(self.repeat)] % {"count": self.repeat_every}
        if self.repeat_until:
            return gettext("%(every)s until %(day)s") % {"every": words, "day": formats.date(self.repeat_until)}
        return words

    def is_late(self, now):
        return self.done_at is None and self.due_at is not None and self.due_at < now

    @property
    def about(self):
        """The record it is about: the person, else the company."""
        return self.person or self.company
