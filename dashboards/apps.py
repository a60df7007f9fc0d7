from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DashboardsConfig(AppConfig):
    name = "dashboards"
    verbose_name = _("Dashboards")

    def ready(self):
        # What these modules register (rows that follow, search texts, what tiles need) must be known before the first change.
        from dashboards import lifecycle, search, uses  # noqa: F401
