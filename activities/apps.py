from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ActivitiesConfig(AppConfig):
    name = "activities"
    verbose_name = _("Follow-ups")

    def ready(self):
        # What these modules register (derived columns, what goes into the bin along) must be known before the first change.
        from activities import actions, lifecycle  # noqa: F401
