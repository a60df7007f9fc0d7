"""Make the predefined roles and lists in German and English; may be run again at any time."""

from django.core.management.base import BaseCommand

from crm.setup import set_up_roles
from leads.setup import set_up_lists


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args, **options):
        set_up_roles()
        set_up_lists()
