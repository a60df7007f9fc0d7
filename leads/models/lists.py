"""Lists that say more about companies and persons; administrators edit them (R11)."""

from django.utils.translation import gettext_lazy as _

from crm.history.triggers import Watch
from crm.models import ListItem

_FIELDS = ("name_en", "name_de", "description_en", "description_de", "colour", "rank", "deleted_at")


class Industry(ListItem):
    history = Watch("industry", fields=_FIELDS, first=("name_en",))

    class Meta(ListItem.Meta):
        verbose_name = _("industry")
        verbose_name_plural = _("industries")


class Source(ListItem):
    """Where a person came from."""

    history = Watch("source", fields=_FIELDS, first=("name_en",))

    class Meta(ListItem.Meta):
        verbose_name = _("source")
        verbose_name_plural = _("sources")


class DisqualifyReason(ListItem):
    """Why a lead was disqualified."""

    history = Watch("disqualify_reason", fields=_FIELDS, first=("name_en",))

    class Meta(ListItem.Meta):
        verbose_name = _("reason to disqualify")
        verbose_name_plural = _("reasons to disqualify")
