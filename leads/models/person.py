"""The human beings we deal with; each has their own lead status (R3)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.history.triggers import Watch
from crm.models import NEVER, Record, RecordQuerySet, initials
from crm.text import KeyField
from leads.models import validators
from leads.models.category import Category
from leads.models.company import Company
from leads.models.lead_status import LeadStatus
from leads.models.lists import DisqualifyReason, Source


class PersonQuerySet(RecordQuerySet):
    def leads(self):
        """Those to whom lead status applies (R4)."""
        return self.filter(is_lead=True)


class Person(Record):
    """A human being, usually at a company.

    `category` is the effective category (R4): the company's where there is one, else their own; `is_lead` says whether
    lead status applies. With `company_key`, `country` and `next_activity_at` these are copies that only
    `leads.lifecycle` and `activities.lifecycle` write, so that a list reads one table by one index.
    """

    first_name = models.CharField(_("first name"), max_length=100, blank=True, validators=[validators.one_line])
    last_name = models.CharField(_("last name"), max_length=100, validators=[validators.one_line])
    title = models.CharField(_("job title"), max_length=120, blank=True, validators=[validators.one_line])
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True, validators=[validators.phone])
    mobile = models.CharField(_("mobile"), max_length=40, blank=True, validators=[validators.phone])
    company = models.ForeignKey(
        Company, models.PROTECT, null=True, blank=True, verbose_name=_("company"), related_name="persons", db_index=False
    )
    category = models.ForeignKey(Category, models.PROTECT, verbose_name=_("category"), related_name="persons", db_index=False)
    lead_status = models.ForeignKey(
        LeadStatus, models.PROTECT, null=True, blank=True, verbose_name=_("lead status"), related_name="persons", db_index=False
    )
    disqualify_reason = models.ForeignKey(
        DisqualifyReason, models.PROTECT, null=True, blank=True, verbose_name=_("reason to disqualify"), related_name="persons"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, verbose_name=_("owner"), related_name="persons",
        db_index=False,
    )  # fmt: skip
    source = models.ForeignKey(
        Source, models.PROTECT, null=True, blank=True, verbose_name=_("source"), related_name="persons", db_index=False
    )
    former_employee = models.BooleanField(_("former employee"), default=False)

    # Copies and keys, see the docstring.
    is_lead = models.BooleanField(_("has a lead status"), default=False, editable=False)
    lead_status_since = models.DateTimeField(_("in status since"), null=True, editable=False)
    name_key = KeyField()
    company_key = KeyField()
    email_key = KeyField(max_length=254)
    country = models.CharField(_("country"), max_length=2, blank=True, editable=False)
    next_activity_at = models.DateTimeField(_("next activity"), default=NEVER, editable=False)

    owner_paths = ("owner", "company__owner")
    history = Watch(
        "person",
        fields=("first_name", "last_name", "title", "email", "phone", "mobile", "company", "category", "lead_status",
                "disqualify_reason", "owner", "source", "former_employee", "deleted_at"),
        first=("category", "lead_status", "owner"),
        # With a company the category is a copy of the company's; what it becomes by joining one is a change of the person.
        only_when={"category": "{new}.company_id IS NULL OR {old}.company_id IS NULL"},
    )  # fmt: skip

    objects = PersonQuerySet.as_manager()

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("persons")
        # Each index costs about 5 % of a change of status; these serve the lists, the board, matching and access.
        indexes = [
            models.Index(fields=["name_key", "id"], condition=Q(deleted_at=None), name="pe_name"),
            models.Index(fields=["company_key", "id"], condition=Q(deleted_at=None), name="pe_company_key"),
            models.Index(fields=["company", "name_key", "id"], name="pe_company"),
            models.Index(fields=["owner", "name_key", "id"], name="pe_owner"),
            models.Index(fields=["lead_status", "name_key", "id"], name="pe_status"),
            models.Index(fields=["category", "name_key", "id"], name="pe_category"),
            models.Index(fields=["source", "name_key", "id"], name="pe_source"),
            models.Index(fields=["country", "name_key", "id"], name="pe_country"),
            models.Index(fields=["title", "id"], condition=Q(deleted_at=None), name="pe_title"),
            models.Index(fields=["lead_status_since", "id"], condition=Q(deleted_at=None), name="pe_since"),
            models.Index(fields=["owner", "name_key", "id"], condition=Q(is_lead=True, deleted_at=None), name="pe_my_leads"),
            models.Index(
                fields=["lead_status", "next_activity_at", "id"], condition=Q(is_lead=True, deleted_at=None), name="pe_board"
            ),
            models.Index(
                fields=["owner", "lead_status", "next_activity_at", "id"],
                condition=Q(is_lead=True, deleted_at=None),
                name="pe_my_board",
            ),
            models.Index(fields=["next_activity_at", "id"], condition=Q(deleted_at=None), name="pe_next"),
            models.Index(fields=["-updated_at", "-id"], condition=Q(deleted_at=None), name="pe_updated"),
            models.Index(fields=["-created_at", "-id"], condition=Q(deleted_at=None), name="pe_created"),
            models.Index(fields=["email_key"], name="pe_email"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="pe_bin"),
        ]

    def __str__(self):
        return self.name

    @property
    def name(self):
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def initials(self):
        return initials(self.name)

    @property
    def avatar(self):
        return self.pk % 8

    @property
    def next_activity(self):
        """When the next open follow-up is due, or None."""
        return None if self.next_activity_at == NEVER else self.next_activity_at

    def get_absolute_url(self):
        return reverse("leads:person", args=[self.pk])
