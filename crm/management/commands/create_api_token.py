"""Make a token of the API for a user and print it, this once."""

from django.core.management.base import BaseCommand, CommandError

from crm.models import ApiToken, User


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="what the token is for")
        parser.add_argument("--read-only", action="store_true", help="it may read, not change")

    def handle(self, *args, username, name, read_only, **options):
        user = User.objects.filter(username__iexact=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {username}.")
        self.stdout.write(ApiToken.issue(user, name[:80], read_only))
