"""Categories of companies and the five groups they belong to (R1, R2)."""

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from crm.history.triggers import Watch
from crm.models import ListItem


class CategoryGroup(models.Model):
    """One of the five fixed groups (R1). The code is the key, so that a check constraint can speak of it."""

    CUSTOMER, POTENTIAL, PARTNER, LOST, OTHER = CODES = ("customer", "potential", "partner", "lost", "other")

    code = models.CharField(_("code"), max_length=10, primary_key=True)
    name_en = models.CharField(_("name (English)"), max_length=80)
    name_de = models.CharField(_("name (German)"), max_length=80)
    rank = models.PositiveSmallIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("category group")
        verbose_name_plural = _("category groups")
        ordering = ["rank"]
        constraints = [
            models.CheckConstraint(
                condition=Q(code__in=("customer", "potential", "partner", "lost", "other")), name="categorygroup_code"
            )
        ]

    def __str__(self):
        return self.name

    @property
    def name(self):
        return self.name_de if get_language() == "de" else self.name_en

    label = name


class Category(ListItem):
    """The kind of relationship with a company. Only one in the group *Potential customer* can enable lead status (R2)."""

    group = models.ForeignKey(CategoryGroup, models.PROTECT, verbose_name=_("category group"), related_name="categories")
    lead_status_enabled = models.BooleanField(_("enable lead status"), default=False)
    start_over = models.BooleanField(
        _("start over at the default status"),
        default=False,
        help_text=_("Persons who enter this category from another group restart at the default lead status."),
    )
    is_default = models.BooleanField(_("default"), default=False, editable=False, help_text=_("For persons without a company."))

    history = Watch(
        "category",
        fields=("name_en", "name_de", "description_en", "description_de", "colour", "rank", "group", "lead_status_enabled",
                "start_over", "is_default", "deleted_at"),
        first=("name_en", "group"),
    )  # fmt: skip

    class Meta(ListItem.Meta):
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        constraints = [
            *ListItem.Meta.constraints,
            models.CheckConstraint(
                condition=Q(lead_status_enabled=False) | Q(group="potential"),
                name="category_lead_status_only_potential",
                violation_error_message=_("Lead status can only be enabled in the group Potential customer."),
            ),
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="category_one_default"),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(deleted_at=None),
                name="category_default_kept",
                violation_error_message=_("The default category cannot be deleted; make another one the default first."),
            ),
        ]
