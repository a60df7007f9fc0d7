from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class AdminConfig(admin_apps.AdminConfig):
    """Django's admin site with our own pages (crm/admin_site.py)."""

    default = False
    default_site = "crm.admin_site.LotseAdminSite"


class CrmConfig(AppConfig):
    name = "crm"
    verbose_name = _("Users and access")

    def ready(self):
        # The triggers of the history are no part of Django's state of a table: drop them before tables are altered, make
        # them anew at the end. Of all apps' signals the first drop and the last install do the work.
        from crm import database

        connection_created.connect(database.connected)
        pre_migrate.connect(_drop_triggers, sender=self)
        post_migrate.connect(_install_triggers)


def _drop_triggers(using, **kwargs):
    from crm.history import triggers

    triggers.remove(using)


def _install_triggers(app_config, using, **kwargs):
    from django.conf import settings

    from crm.history import triggers

    if app_config.name == settings.LOTSE_APPS[-1]:
        triggers.install(using)
