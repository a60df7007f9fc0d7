"""What moves a company to another category by itself, and what waits for somebody's word on it (R12, R13, settled 7)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.history.triggers import Watch
from crm.models import ChangeSet
from leads.models.category import Category
from leads.models.company import Company
from leads.models.lead_status import LeadStatus
from leads.models.person import Person


class AutomationRule(models.Model):
    """When something happens, the company gets this category – or its user is asked first.

    There is one rule for each event of a sale, and at most one for each lead status.
    """

    class Event(models.TextChoices):
        SALE_WON = "sale_won", _("A sale is won")
        SALE_LOST = "sale_lost", _("A sale is lost")
        SALE_REGISTERED = "sale_registered", _("A sale is registered")
        LEAD_STATUS = "lead_status", _("A lead status is set")

    #: Of several that match, the first of these applies (settled 7).
    ORDER = (Event.SALE_WON, Event.SALE_LOST, Event.SALE_REGISTERED, Event.LEAD_STATUS)

    event = models.CharField(_("when"), max_length=16, choices=Event)
    lead_status = models.ForeignKey(
        LeadStatus, models.PROTECT, null=True, blank=True, verbose_name=_("lead status"), related_name="automation_rules"
    )
    target = models.ForeignKey(Category, models.PROTECT, verbose_name=_("new category"), related_name="automation_rules")
    enabled = models.BooleanField(_("switched on"), default=False)
    ask_first = models.BooleanField(
        _("ask first"), default=True, help_text=_("Propose the change; the user confirms it, chooses another category or none.")
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    history = Watch(
        "automation_rule",
        fields=("event", "lead_status", "target", "enabled", "ask_first"),
        first=("event", "lead_status", "target"),
    )

    class Meta:
        verbose_name = _("automation rule")
        verbose_name_plural = _("automation rules")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(event__in=("sale_won", "sale_lost", "sale_registered", "lead_status")), name="automationrule_event"
            ),
            models.CheckConstraint(
                condition=Q(event="lead_status", lead_status__isnull=False) | (~Q(event="lead_status") & Q(lead_status=None)),
                name="automationrule_status_of_its_event",
            ),
            models.UniqueConstraint(fields=["event"], condition=~Q(event="lead_status"), name="automationrule_one_for_an_event"),
            models.UniqueConstraint(
                fields=["lead_status"],
                condition=Q(event="lead_status"),
                name="automationrule_one_for_a_status",
                violation_error_message=_("There is already a rule for this lead status."),
            ),
        ]

    def __str__(self):
        if self.lead_status_id:
            return str(_("Lead status set to %(status)s") % {"status": self.lead_status.label})
        return str(self.get_event_display())

    @staticmethod
    def edited():
        return {"version": models.F("version") + 1}


class ProposalQuerySet(models.QuerySet):
    def waiting(self):
        """Those nobody has answered and whose cause still stands."""
        return self.filter(answered_at=None, change_set__undone=False, change_set__state=ChangeSet.State.DONE)


class Proposal(models.Model):
    """A change of category that a rule proposes for some companies (or persons without one), and what `user` said to it."""

    rule = models.ForeignKey(AutomationRule, models.CASCADE, related_name="proposals")
    #: What set the rule off: undoing it takes the question, or the answer, back.
    change_set = models.ForeignKey(ChangeSet, models.CASCADE, related_name="proposals")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="proposals")
    created_at = models.DateTimeField(default=timezone.now)
    #: Whether the dialog was shown; from then on it waits under the bell.
    shown = models.BooleanField(default=False)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    category = models.ForeignKey(Category, models.PROTECT, null=True, related_name="+")

    objects = ProposalQuerySet.as_manager()

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        constraints = [models.UniqueConstraint(fields=["rule", "change_set", "user"], name="proposal_grouped")]
        indexes = [models.Index(fields=["user", "-id"], condition=Q(answered_at=None), name="proposal_waiting")]

    def __str__(self):
        return str(self.rule)


class ProposalRecord(models.Model):
    """One company, or one person without a company, that a proposal is about."""

    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="records")
    company = models.ForeignKey(Company, models.CASCADE, null=True, related_name="+")
    person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(company=None, person__isnull=False) | Q(company__isnull=False, person=None), name="proposalrecord_one"
            ),
            models.UniqueConstraint(fields=["proposal", "company"], name="proposalrecord_company"),
            models.UniqueConstraint(fields=["proposal", "person"], name="proposalrecord_person"),
        ]

    def __str__(self):
        return f"{self.proposal_id}: {self.company_id or self.person_id}"
