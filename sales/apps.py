from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SalesConfig(AppConfig):
    name = "sales"
    verbose_name = _("Sales")

    def ready(self):
        # What these modules register (cards, derived columns, guards, search texts, what goes into the bin along) must be known
        # before the first change and before the addresses are put together.
        from sales import actions, automation, cards, lifecycle, search, timeline  # noqa: F401
