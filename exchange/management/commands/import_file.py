"""Import a CSV or Excel file: the same code as the page, from the command line."""

import json
import signal
from pathlib import Path

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files import File
from django.core.management.base import BaseCommand, CommandError

from crm.history.changes import TakenBack
from crm.jobs import Ended, Failed
from crm.jobs.worker import Lost
from crm.models import User
from exchange import actions
from exchange.kinds import KINDS
from exchange.models import Import
from exchange.reading import UnreadableFile


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--record", choices=list(KINDS), default="person", help="what a row is")
        parser.add_argument("--category", default="", help="for new companies, by its German or English name")
        parser.add_argument("--by", required=True, metavar="USERNAME", help="who imports")
        parser.add_argument("--map", type=Path, help="a JSON file with the mapping; without it, it is guessed as the page does")
        parser.add_argument("--partial", action="store_true", help="import the good rows although others have errors")
        parser.add_argument("--dry-run", action="store_true", help="only say what would happen")
        parser.add_argument("--json", action="store_true", help="end with the counts as one line of JSON")

    def handle(self, *args, **options):
        # `kill`, or a closed terminal, ends it as Ctrl-C does: what was written is taken back first.
        numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]  # nohup
        before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
        self.source = None
        try:
            self.bring_in(**options)
        except KeyboardInterrupt:
            if self.source and Import.objects.filter(pk=self.source.pk, state=Import.State.DONE).exists():
                raise CommandError("It was ended when everything was imported already; that stays.", returncode=130) from None
            raise CommandError("It was ended; what it had written is taken back.", returncode=130) from None
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def bring_in(self, *, file, record, category, by, dry_run, **options):
        user = User.objects.filter(username__iexact=by, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {by}.")
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        try:
            actions.take_back_killed()
            with file.open("rb") as opened:
                source = self.source = actions.upload(File(opened), file.name, record, by=user, at_once=True)
            if options["map"]:
                given = json.loads(options["map"].read_text())
                if not isinstance(given, dict):
                    raise CommandError("The mapping is not an object.")
                source.mapping = {**source.mapping, **given}
            if category:
                source.mapping["category"] = category
            source.mapping["partial"] = options["partial"] or source.mapping.get("partial", False)
            source.save(update_fields=["mapping"])
            # All or nothing: every row is checked before the first is written (settled 11).
            report = actions.try_out(source)
            if not dry_run and (not report.failed or source.mapping["partial"]):
                report = actions.bring_in_here(source)
        except (Lost, TakenBack) as error:
            raise CommandError("Another process took it over and took back what was written; import the file again.") from error
        except Ended as error:
            raise CommandError("It was cancelled; nothing was imported.") from error
        except (UnreadableFile, Failed, PermissionDenied) as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except (OSError, ValueError) as error:
            raise CommandError(f"The mapping cannot be read: {error}") from error
        self.stdout.write(str(source.told))
        for number, text in report.notes[:20]:
            self.stdout.write(f"  row {number}: {text}")
        for reason, count in report.left_out.most_common():
            self.stdout.write(f"  {count} {'row' if count == 1 else 'rows'} left out: {reason}")
        for row in source.failed_rows.filter(left_out=False).order_by("number")[:20]:
            self.stdout.write(f"  row {row.number}: {row.reason}")
        if dry_run and report.failed and not source.mapping["partial"]:
            self.stdout.write("Because of these errors nothing would be imported. With --partial the good rows would be.")
        if options["json"]:
            self.stdout.write(
                json.dumps(report.counts | ({"left_out_reasons": report.left_out} if "left_out" in report.counts else {}))
            )
        if source.state != Import.State.DONE and not dry_run:
            raise CommandError("Nothing was imported. With --partial the good rows are.")
