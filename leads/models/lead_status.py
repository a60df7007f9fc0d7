"""How far a person is (R3, R10)."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crm.history.triggers import Watch
from crm.models import ListItem


class LeadStatus(ListItem):
    """A lead status. Its kind is what funnels, automation and metrics rely on, whatever its name (R10)."""

    class Kind(models.TextChoices):
        OPEN = "open", _("Open")
        WORKING = "working", _("In progress")
        QUALIFIED = "qualified", _("Qualified")
        NURTURE = "nurture", _("Nurture")
        DISQUALIFIED = "disqualified", _("Disqualified")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.WORKING)
    is_default = models.BooleanField(_("default"), default=False, editable=False)
    stale_after = models.PositiveSmallIntegerField(
        _("stale after (days)"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(3_650)],
        help_text=_("Leads in this status for longer are highlighted on boards. Leave empty for never."),
    )  # fmt: skip

    history = Watch(
        "lead_status",
        fields=("name_en", "name_de", "description_en", "description_de", "colour", "rank", "kind", "is_default", "stale_after",
                "deleted_at"),
        first=("name_en", "kind"),
    )  # fmt: skip

    class Meta(ListItem.Meta):
        verbose_name = _("lead status")
        verbose_name_plural = _("lead statuses")
        constraints = [
            *ListItem.Meta.constraints,
            models.CheckConstraint(
                condition=Q(kind__in=("open", "working", "qualified", "nurture", "disqualified")), name="leadstatus_kind"
            ),
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="leadstatus_one_default"),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(deleted_at=None, kind="open"),
                name="leadstatus_default_open_and_kept",
                violation_error_message=_("The default status is of the kind Open and cannot be deleted."),
            ),
        ]
