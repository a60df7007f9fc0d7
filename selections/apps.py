from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SelectionsConfig(AppConfig):
    name = "selections"
    verbose_name = _("Selections")

    def ready(self):
        # What these modules register (the card, derived rows, guards, search texts, what is done at night) must be known before the
        # first change and before the addresses are put together.
        from selections import actions, cards, lifecycle, search, since, uses  # noqa: F401
