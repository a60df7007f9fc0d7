from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CaptureConfig(AppConfig):
    name = "capture"
    verbose_name = _("Capture")

    def ready(self):
        # What these modules register (the card, derived rows, search texts, tiles, the bell, the timeline, what forms need) must be known
        # from the start.
        from capture import bell, cards, lifecycle, search, tiles, timeline, uses  # noqa: F401
