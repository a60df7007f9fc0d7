from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LeadsConfig(AppConfig):
    name = "leads"
    verbose_name = _("Leads")

    def ready(self):
        # What these modules register (search texts, derived columns, guards, checks) must be known before the first change.
        from leads import checks, lifecycle, list_items, search  # noqa: F401
