"""Make the predefined roles and lists in German and English; may be run again at any time."""

from importlib import import_module
from importlib.util import find_spec

from django.conf import settings
from django.core.management.base import BaseCommand

from crm.setup import set_up_roles


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args, **options):
        set_up_roles()
        for app in settings.LOTSE_APPS:
            if app != "crm" and find_spec(f"{app}.setup"):
                import_module(f"{app}.setup").set_up_lists()
