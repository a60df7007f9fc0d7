"""Sales: what might be sold to whom, how far it is, what it is worth, and what came of it (R14)."""

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.history.triggers import Watch
from crm.models import NEVER, ListItem, Record
from crm.text import KeyField
from crm.web import formats
from leads.models import Company, Person, Source, validators

_FIELDS = ("name_en", "name_de", "description_en", "description_de", "colour", "rank", "deleted_at")
#: The largest amount in the base currency: a list's sum of many still is a whole number of cents the database can hold.
MOST_CENTS = 10**15


class SaleStage(ListItem):
    """How far a sale is. Its probability weighs the amounts of open sales."""

    probability = models.PositiveSmallIntegerField(
        _("probability in percent"), default=50, validators=[MinValueValidator(0), MaxValueValidator(100)]
    )

    history = Watch("sale_stage", fields=(*_FIELDS, "probability"), first=("name_en", "probability"))

    class Meta(ListItem.Meta):
        verbose_name = _("sale stage")
        verbose_name_plural = _("sale stages")
        constraints = [
            *ListItem.Meta.constraints,
            models.CheckConstraint(condition=Q(probability__lte=100), name="salestage_probability"),
        ]


class SaleType(ListItem):
    history = Watch("sale_type", fields=_FIELDS, first=("name_en",))

    class Meta(ListItem.Meta):
        verbose_name = _("sale type")
        verbose_name_plural = _("sale types")


class SaleReason(ListItem):
    """Why a sale was won, or lost."""

    class Outcome(models.TextChoices):
        WON = "won", _("Won")
        LOST = "lost", _("Lost")

    outcome = models.CharField(_("given when a sale is"), max_length=4, choices=Outcome, default=Outcome.LOST)

    history = Watch("sale_reason", fields=(*_FIELDS, "outcome"), first=("name_en", "outcome"))

    class Meta(ListItem.Meta):
        verbose_name = _("reason for winning or losing sales")
        verbose_name_plural = _("reasons for winning and losing sales")
        constraints = [
            *ListItem.Meta.constraints,
            models.CheckConstraint(condition=Q(outcome__in=("won", "lost")), name="salereason_outcome"),
        ]


class ExchangeRate(models.Model):
    """What one unit of a currency is worth in the base currency, from a day on. Administrators keep these up."""

    currency = models.CharField(_("currency"), max_length=3, validators=[RegexValidator(r"^[A-Z]{3}\Z", _("A code like USD."))])
    valid_from = models.DateField(_("valid from"))
    rate = models.DecimalField(
        _("rate"), max_digits=16, decimal_places=8, validators=[MinValueValidator(Decimal("0.00000001"))],
        help_text=_("What one unit is worth in the base currency."),
    )  # fmt: skip
    version = models.PositiveIntegerField(default=1, editable=False)
    deleted_at = models.DateTimeField(_("deleted"), null=True, editable=False)

    history = Watch(
        "exchange_rate", fields=("currency", "valid_from", "rate", "deleted_at"), first=("currency", "valid_from", "rate")
    )

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        ordering = ["currency", "-valid_from"]
        constraints = [
            models.CheckConstraint(condition=Q(rate__gt=0), name="exchangerate_positive"),
            models.UniqueConstraint(fields=["currency", "valid_from"], condition=Q(deleted_at=None), name="exchangerate_day"),
        ]

    def __str__(self):
        return _("%(currency)s from %(date)s") % {"currency": self.currency, "date": formats.date(self.valid_from)}

    edited = staticmethod(ListItem.edited)


class Sale(Record):
    """Something a company may buy. It names a person there if one is known.

    `base_cents` and `weighted_cents` are the amount in cents of the base currency, and that times the probability: whole numbers,
    so that their sums are exact on every database. With `name_key` they are written by `sales.lifecycle` and the
    actions only.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        STALLED = "stalled", _("Stalled")
        WON = "won", _("Won")
        LOST = "lost", _("Lost")

    CLOSED = (Status.WON, Status.LOST)

    name = models.CharField(_("name"), max_length=200, validators=[validators.one_line])
    company = models.ForeignKey(Company, models.PROTECT, verbose_name=_("company"), related_name="sales", db_index=False)
    person = models.ForeignKey(
        Person, models.SET_NULL, null=True, blank=True, verbose_name=_("person"), related_name="sales", db_index=False
    )
    type = models.ForeignKey(SaleType, models.PROTECT, null=True, blank=True, verbose_name=_("type"), related_name="sales")
    stage = models.ForeignKey(SaleStage, models.PROTECT, verbose_name=_("stage"), related_name="sales", db_index=False)
    amount = models.DecimalField(
        _("amount"), max_digits=14, decimal_places=2, default=Decimal(0), validators=[MinValueValidator(Decimal(0))]
    )
    currency = models.CharField(_("currency"), max_length=3)
    expected_on = models.DateField(_("expected on"), null=True, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("owner"),
        related_name="sales",
        db_index=False,
    )
    source = models.ForeignKey(Source, models.PROTECT, null=True, blank=True, verbose_name=_("source"), related_name="sales")
    status = models.CharField(_("status"), max_length=7, choices=Status, default=Status.OPEN)
    closed_on = models.DateField(_("closed on"), null=True, blank=True)
    reason = models.ForeignKey(SaleReason, models.PROTECT, null=True, blank=True, verbose_name=_("reason"), related_name="sales")
    reopen_on = models.DateField(_("re-open on"), null=True, blank=True)

    # Copies and keys, see the docstring; the next activity is written by activities.lifecycle.
    next_activity_at = models.DateTimeField(_("next activity"), default=NEVER, editable=False)
    name_key = KeyField()
    base_cents = models.BigIntegerField(default=0, editable=False)
    weighted_cents = models.BigIntegerField(default=0, editable=False)

    owner_paths = ("owner", "company__owner")
    history = Watch(
        "sale",
        fields=("name", "company", "person", "type", "stage", "amount", "currency", "expected_on", "owner", "source", "status",
                "closed_on", "reason", "reopen_on", "deleted_at"),
        first=("company", "stage", "amount", "currency", "owner", "status"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("sale")
        verbose_name_plural = _("sales")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="sale_amount"),
            models.CheckConstraint(condition=Q(status__in=("open", "stalled", "won", "lost")), name="sale_status"),
            models.CheckConstraint(
                condition=Q(status__in=("won", "lost"), closed_on__isnull=False)
                | Q(status__in=("open", "stalled"), closed_on=None),
                name="sale_closed_on",
            ),
            models.CheckConstraint(
                condition=Q(status="lost", reason__isnull=False)
                | Q(status="won")
                | Q(status__in=("open", "stalled"), reason=None),
                name="sale_reason",
            ),
            models.CheckConstraint(condition=Q(reopen_on=None) | Q(status="stalled"), name="sale_reopen_on"),
            models.CheckConstraint(
                condition=Q(base_cents__gte=0, base_cents__lte=MOST_CENTS, weighted_cents__gte=0, weighted_cents__lte=MOST_CENTS),
                name="sale_cents",
            ),
        ]
        indexes = [
            models.Index(fields=["name_key", "id"], condition=Q(deleted_at=None), name="sa_name"),
            models.Index(fields=["expected_on", "id"], condition=Q(deleted_at=None), name="sa_expected"),
            models.Index(fields=["base_cents", "id"], condition=Q(deleted_at=None), name="sa_amount"),
            models.Index(fields=["company", "expected_on", "id"], name="sa_company"),
            models.Index(fields=["person", "expected_on", "id"], name="sa_person"),
            models.Index(fields=["owner", "status", "expected_on", "id"], name="sa_owner"),
            models.Index(fields=["status", "expected_on", "id"], condition=Q(deleted_at=None), name="sa_status"),
            models.Index(fields=["stage", "expected_on", "id"], condition=Q(deleted_at=None), name="sa_stage"),
            models.Index(fields=["closed_on", "id"], condition=Q(deleted_at=None, closed_on__isnull=False), name="sa_closed"),
            models.Index(fields=["next_activity_at", "id"], condition=Q(deleted_at=None), name="sa_next"),
            models.Index(fields=["-updated_at", "-id"], condition=Q(deleted_at=None), name="sa_updated"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="sa_bin"),
        ]

    def __str__(self):
        return self.name

    @property
    def next_activity(self):
        """When the next open follow-up is due, or None."""
        return None if self.next_activity_at == NEVER else self.next_activity_at

    @property
    def is_closed(self):
        return self.status in self.CLOSED

    @property
    def base_amount(self):
        return Decimal(self.base_cents).scaleb(-2)

    @property
    def weighted_amount(self):
        return Decimal(self.weighted_cents).scaleb(-2)

    def get_absolute_url(self):
        return reverse("sales:sale", args=[self.pk])
