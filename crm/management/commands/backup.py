"""Write database and uploads into a new folder while Lotse runs, or prove that such a folder is whole (docs/deploy.md)."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

MANIFEST = "manifest.json"


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("folder", type=Path)
        parser.add_argument("--check", action="store_true", help="only check a backup that is there")

    def handle(self, *args, folder, check=False, **options):
        if check:
            self.check_whole(folder)
            self.stdout.write(f"{folder} is whole.")
            return
        if folder.exists():
            raise CommandError(f"{folder} already exists; a backup goes into a new folder.")
        folder.mkdir(mode=0o700, parents=True)
        if connection.vendor == "sqlite":
            self.dump_sqlite(folder / "lotse.sqlite3")
        else:
            self.dump_postgresql(folder / "lotse.dump")
        if settings.MEDIA_ROOT.exists():
            shutil.copytree(settings.MEDIA_ROOT, folder / "media")
        sums = {str(path.relative_to(folder)): digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}
        manifest = {"made_at": timezone.now().isoformat(), "database": connection.vendor, "sha256": sums}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))
        self.check_whole(folder)
        key = "SECRET_KEY of the environment" if os.environ.get("SECRET_KEY") else settings.VAR_DIR / "secret_key"
        self.stdout.write(f"{len(sums)} files in {folder}. The key is not among them: keep {key} too, apart from them.")

    @staticmethod
    def dump_sqlite(path):
        connection.ensure_connection()
        with sqlite3.connect(path) as copy:
            connection.connection.backup(copy)
        copy.close()

    @staticmethod
    def dump_postgresql(path):
        found = connection.settings_dict
        address = {"host": "HOST", "port": "PORT", "username": "USER"}
        options = [f"--{name}={found[key]}" for name, key in address.items() if found[key]]
        program = shutil.which("pg_dump")
        if not program:
            raise CommandError("pg_dump is missing; it comes with PostgreSQL's client.")
        command = [program, "--format=custom", f"--file={path}", *options, found["NAME"]]
        # What the address asks of the connection, as sslmode=verify-full, holds for the backup as well.
        _command, asked = connection.client.settings_to_cmd_args_env(found, [])
        environment = {**os.environ, **(asked or {})}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603 (our own arguments)
        if done.returncode:
            raise CommandError(done.stderr.strip())

    @staticmethod
    def check_whole(folder):
        """Raise CommandError unless every file is as the manifest says and the database opens."""
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
        except (OSError, ValueError) as error:
            raise CommandError(f"{folder} has no readable {MANIFEST}.") from error
        for name, expected in manifest["sha256"].items():
            path = folder / name
            if not path.is_file() or digest(path) != expected:
                raise CommandError(f"{name} is missing or differs from what was backed up.")
        if manifest["database"] == "sqlite":
            with sqlite3.connect(folder / "lotse.sqlite3") as copy:
                if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    raise CommandError("The database in this backup is damaged.")
            copy.close()


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
