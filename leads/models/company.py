"""The organisations we deal with."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField

from crm.history.triggers import Watch
from crm.models import NEVER, Record, initials
from crm.text import KeyField
from leads.models import validators
from leads.models.category import Category
from leads.models.lists import Industry


class Company(Record):
    """An organisation. It has exactly one category (R1)."""

    name = models.CharField(_("name"), max_length=200, validators=[validators.one_line])
    number = models.CharField(_("number"), max_length=40, blank=True, validators=[validators.one_line])
    category = models.ForeignKey(Category, models.PROTECT, verbose_name=_("category"), related_name="companies", db_index=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, verbose_name=_("owner"), related_name="companies",
        db_index=False,
    )  # fmt: skip
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True, validators=[validators.phone])
    website = models.CharField(_("website"), max_length=200, blank=True, validators=[validators.website])
    street = models.CharField(_("street"), max_length=200, blank=True, validators=[validators.one_line])
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True, validators=[validators.one_line])
    city = models.CharField(_("city"), max_length=100, blank=True, validators=[validators.one_line])
    country = CountryField(_("country"), blank=True)
    industry = models.ForeignKey(
        Industry, models.PROTECT, null=True, blank=True, verbose_name=_("industry"), related_name="companies", db_index=False
    )
    stop = models.BooleanField(_("stop"), default=False, help_text=_("No business with this company at present."))
    no_mailings = models.BooleanField(_("no mailings"), default=False)

    # Written by leads.lifecycle and activities.lifecycle only.
    name_key = KeyField()
    city_key = KeyField(max_length=200)
    next_activity_at = models.DateTimeField(_("next activity"), default=NEVER, editable=False)

    history = Watch(
        "company",
        fields=("name", "number", "category", "owner", "email", "phone", "website", "street", "postal_code", "city", "country",
                "industry", "stop", "no_mailings", "deleted_at"),
        first=("category", "owner"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        indexes = [
            models.Index(fields=["name_key", "id"], condition=Q(deleted_at=None), name="co_name"),
            models.Index(fields=["name_key"], name="co_name_all"),
            models.Index(fields=["category", "name_key", "id"], name="co_category"),
            models.Index(fields=["owner", "name_key", "id"], name="co_owner"),
            models.Index(fields=["industry", "name_key", "id"], name="co_industry"),
            models.Index(fields=["country", "name_key", "id"], name="co_country"),
            models.Index(fields=["city_key", "id"], condition=Q(deleted_at=None), name="co_city"),
            models.Index(fields=["postal_code", "id"], condition=Q(deleted_at=None), name="co_postal_code"),
            models.Index(fields=["number", "id"], condition=Q(deleted_at=None), name="co_number"),
            models.Index(fields=["email", "id"], condition=Q(deleted_at=None), name="co_email"),
            models.Index(fields=["next_activity_at", "id"], condition=Q(deleted_at=None), name="co_next"),
            models.Index(fields=["category", "next_activity_at", "id"], condition=Q(deleted_at=None), name="co_board"),
            models.Index(fields=["-updated_at", "-id"], condition=Q(deleted_at=None), name="co_updated"),
            models.Index(fields=["-created_at", "-id"], condition=Q(deleted_at=None), name="co_created"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="co_bin"),
        ]

    def __str__(self):
        return self.name

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
        return reverse("leads:company", args=[self.pk])
