"""Selections: named sets of records, by criteria, by hand, or combined of others (S4–S6)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from crm.history.triggers import Watch
from crm.models import ListItem, Record
from crm.text import KeyField
from crm.web import formats
from leads.models import validators


class SelectionCategory(ListItem):
    """What selections are for; administrators edit the list."""

    history = Watch(
        "selection_category",
        fields=("name_en", "name_de", "description_en", "description_de", "colour", "rank", "deleted_at"),
        first=("name_en",),
    )

    class Meta(ListItem.Meta):
        verbose_name = _("selection category")
        verbose_name_plural = _("selection categories")


class RecordKind(models.TextChoices):
    """The record types of which there are selections."""

    PERSON = "person", _("Persons")
    COMPANY = "company", _("Companies")
    SALE = "sale", _("Sales")
    ACTIVITY = "activity", _("Follow-ups")


class Selection(Record):
    """A set of records of one type: by criteria (*dynamic*), by hand (*static*), or of other selections (*combined*).

    `part_ids` and `step` are what the history knows of the parts and the members; the rows of `SelectionPart` and `SelectionMember`
    follow them (selections.lifecycle), and `rows_at` is the step they are at.
    """

    class Kind(models.TextChoices):
        DYNAMIC = "dynamic", _("Dynamic")
        STATIC = "static", _("Static")
        COMBINED = "combined", _("Combined")

    class Operation(models.TextChoices):
        ALL = "all", _("In any of them")
        COMMON = "common", _("In each of them")
        FIRST = "first", _("Only in the first")
        ONE = "one", _("In exactly one of them")

    class Visibility(models.TextChoices):
        ALL = "all", _("Everybody")
        TEAM = "team", _("My team")
        PRIVATE = "private", _("Only me")

    name = models.CharField(_("name"), max_length=120, validators=[validators.one_line])
    record_type = models.CharField(_("record type"), max_length=20, choices=RecordKind)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    criteria = models.JSONField(_("criteria"), null=True, blank=True)
    operation = models.CharField(pgettext_lazy("selection", "combined as"), max_length=6, choices=Operation, blank=True)
    part_ids = models.JSONField(_("parts"), default=list, blank=True)
    description = models.TextField(_("description"), max_length=2_000, blank=True)
    category = models.ForeignKey(
        SelectionCategory, models.PROTECT, null=True, blank=True, verbose_name=_("category"), related_name="selections"
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("owner"), related_name="selections")
    visibility = models.CharField(_("visible to"), max_length=7, choices=Visibility, default=Visibility.ALL)
    completed = models.BooleanField(_("completed"), default=False)
    step = models.ForeignKey(
        "SelectionStep", models.SET_NULL, null=True, editable=False, verbose_name=_("members"), related_name="+", db_index=False
    )

    # Not in the history: how its list begins, where the member rows are, and the key that names sort by.
    table = models.JSONField(default=dict, blank=True, editable=False)
    rows_at = models.BigIntegerField(null=True, editable=False)
    compared_at = models.DateTimeField(null=True, editable=False)  # see selections.since
    name_key = KeyField()

    shared_by = "visibility"  # see crm.access
    history = Watch(
        "selection",
        fields=("name", "criteria", "operation", "part_ids", "description", "category", "owner", "visibility", "completed", "step",
                "deleted_at"),
        first=("kind", "record_type", "owner", "visibility"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("selection")
        verbose_name_plural = _("selections")
        constraints = [
            models.CheckConstraint(condition=Q(record_type__in=RecordKind.values), name="selection_record_type"),
            models.CheckConstraint(condition=Q(visibility__in=("all", "team", "private")), name="selection_visibility"),
            models.CheckConstraint(
                condition=Q(kind="dynamic", criteria__isnull=False) | Q(kind__in=("static", "combined"), criteria__isnull=True),
                name="selection_criteria",
            ),
            models.CheckConstraint(
                condition=Q(kind="combined", operation__in=("all", "common", "first", "one"))
                | Q(kind__in=("static", "dynamic"), operation=""),
                name="selection_operation",
            ),
        ]
        indexes = [
            models.Index(fields=["name_key", "id"], condition=Q(deleted_at=None), name="se_name"),
            models.Index(fields=["-updated_at", "-id"], condition=Q(deleted_at=None), name="se_updated"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="se_bin"),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("selections:selection", args=[self.pk])

    @staticmethod
    def told(name, value):
        """Return a value as the history tells it, where the stored one says nothing to people."""
        if name == "part_ids":
            names = dict(Selection.objects.filter(pk__in=value or []).values_list("pk", "name"))
            return ", ".join(names.get(pk, f"#{pk}") for pk in value or []) or _("nothing")
        if name == "criteria":
            from selections.members import told_criteria

            return told_criteria(value)
        return None


class SelectionPart(models.Model):
    """One of the selections a combined one is made of, in their order."""

    whole = models.ForeignKey(Selection, models.CASCADE, related_name="parts")
    part = models.ForeignKey(Selection, models.PROTECT, related_name="wholes")
    rank = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["whole", "part"], name="selectionpart_key"),
            models.CheckConstraint(condition=~Q(whole=models.F("part")), name="selectionpart_other"),
        ]

    def __str__(self):
        return f"{self.whole_id} {self.part_id}"


class SelectionMember(models.Model):
    """One record in a static selection."""

    selection = models.ForeignKey(Selection, models.CASCADE, related_name="member_rows", db_index=False)
    record_id = models.BigIntegerField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["selection", "record_id"], name="selectionmember_key")]

    def __str__(self):
        return f"{self.selection_id} {self.record_id}"


class SelectionStep(models.Model):
    """One change of a static selection's members: which came and which went (docs/decisions/0017).

    `added` and `removed` are JSON texts of ids that only the database reads; `before` is the step it was made from.
    """

    selection = models.ForeignKey(Selection, models.CASCADE, related_name="steps")
    before = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    added = models.TextField(default="[]")
    removed = models.TextField(default="[]")
    added_count = models.PositiveIntegerField(default=0)
    removed_count = models.PositiveIntegerField(default=0)
    members = models.PositiveIntegerField(default=0)

    def __str__(self):
        return formats.number(self.members)


class SelectionFavourite(models.Model):
    """A selection that this user has marked."""

    selection = models.ForeignKey(Selection, models.CASCADE, related_name="favourites")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="favourite_selections")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "selection"], name="selectionfavourite_key")]

    def __str__(self):
        return f"{self.user_id} {self.selection_id}"


class SelectionEvent(models.Model):
    """A record came into a dynamic or combined selection, or left it, as a night's comparison found."""

    selection = models.ForeignKey(Selection, models.CASCADE, related_name="events", db_index=False)
    record_id = models.BigIntegerField(db_index=True)
    entered = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["selection", "-at"], name="selectionevent_at")]

    def __str__(self):
        return f"{self.selection_id} {self.record_id} {'+' if self.entered else '-'}"


class SelectionSubscription(models.Model):
    """A user who wants to know who enters or leaves; `seen_at` is until when they do."""

    selection = models.ForeignKey(Selection, models.CASCADE, related_name="subscriptions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="subscriptions")
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "selection"], name="selectionsubscription_key")]

    def __str__(self):
        return f"{self.user_id} {self.selection_id}"
