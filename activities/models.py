"""Follow-ups: what is to be done next with a person or company, and what was done (R15)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crm.history.triggers import Watch
from crm.models import Record, RecordQuerySet
from leads.models import Company, Person, validators


class ActivityQuerySet(RecordQuerySet):
    def visible_to(self, user):
        """Return the follow-ups of the persons and companies the user may see: they follow their record (settled 14)."""
        if user.role.see == "all":
            return self.filter(deleted_at=None)
        persons = Person.objects.visible_to(user).values("pk")
        companies = Company.objects.visible_to(user).values("pk")
        return self.filter(deleted_at=None).filter(Q(person__in=persons) | Q(company__in=companies))


class Activity(Record):
    """A follow-up. It belongs to a person or a company (of a person at a company: to both)."""

    class Kind(models.TextChoices):
        CALL = "call", _("Call")
        MEETING = "meeting", _("Meeting")
        TASK = "task", _("Task")
        EMAIL = "email", _("E-mail")
        NOTE = "note", _("Note")

    kind = models.CharField(_("type"), max_length=8, choices=Kind, default=Kind.TASK)
    subject = models.CharField(_("subject"), max_length=200, validators=[validators.one_line])
    text = models.TextField(_("text"), blank=True, max_length=20_000, validators=[validators.plain])
    person = models.ForeignKey(
        Person, models.CASCADE, null=True, blank=True, verbose_name=_("person"), related_name="activities", db_index=False
    )
    company = models.ForeignKey(
        Company, models.CASCADE, null=True, blank=True, verbose_name=_("company"), related_name="activities", db_index=False
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, verbose_name=_("owner"), related_name="activities",
        db_index=False,
    )  # fmt: skip
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    all_day = models.BooleanField(_("all day"), default=False, help_text=_("Due on the day, at no particular time."))
    done_at = models.DateTimeField(_("done"), null=True, blank=True)

    objects = ActivityQuerySet.as_manager()
    history = Watch(
        "activity",
        fields=("kind", "subject", "text", "person", "company", "owner", "due_at", "all_day", "done_at", "deleted_at"),
        first=("subject", "person", "company", "owner"),
    )

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
        ]
        indexes = [
            models.Index(fields=["person", "-due_at", "-id"], name="ac_person"),
            models.Index(fields=["company", "-due_at", "-id"], name="ac_company"),
            models.Index(fields=["person", "due_at"], condition=Q(done_at=None, deleted_at=None), name="ac_person_open"),
            models.Index(fields=["company", "due_at"], condition=Q(done_at=None, deleted_at=None), name="ac_company_open"),
            models.Index(fields=["owner", "due_at", "id"], condition=Q(done_at=None, deleted_at=None), name="ac_owner_open"),
        ]

    def __str__(self):
        return self.subject
