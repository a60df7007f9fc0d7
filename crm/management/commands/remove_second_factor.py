"""Let a user sign in without a second factor: for an administrator who lost theirs, where no other one is left to remove it."""

from django.core.management.base import BaseCommand, CommandError

from crm import users
from crm.models import User


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("username")

    def handle(self, *args, username, **options):
        user = User.objects.filter(username__iexact=username).first()
        if user is None:
            raise CommandError(f"There is no user {username}.")
        users.remove_second_factor(user, by=None)
        self.stdout.write(f"{user.username} can sign in without a second factor now.")
