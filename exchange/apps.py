from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExchangeConfig(AppConfig):
    name = "exchange"
    verbose_name = _("Import and export")

    def ready(self):
        # The jobs, what an undo takes along, and the navigation must be known from the start.
        from exchange import actions, nav  # noqa: F401
        from exchange.webhooks import sender  # noqa: F401
