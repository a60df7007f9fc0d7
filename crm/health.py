"""Is it alive, and is it ready to serve (for load balancers; no sign-in)."""

from functools import cache

from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@login_not_required
@never_cache
@require_safe
def healthz(request):
    """Answer 200 while the process runs; asks nothing of the database."""
    return JsonResponse({"status": "alive"})


@login_not_required
@never_cache
@require_safe
def readyz(request):
    """Answer 200 if the database answers and every migration is applied, else 503 with what is missing."""
    try:
        applied = set(MigrationRecorder.Migration.objects.using(connection.alias).values_list("app", "name"))
    except Error:
        # No server; or an empty database, in which the table itself is missing.
        return JsonResponse({"status": "unavailable", "database": _answers(), "migrations": False}, status=503)
    ready = _known() <= applied
    told = {"status": "ready" if ready else "unavailable", "database": True, "migrations": ready}
    return JsonResponse(told, status=200 if ready else 503)


def _answers():
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return False
    return True


@cache
def _known():
    """Return the migrations of this version; they lie in files, so reading them once per process is enough."""
    return frozenset(MigrationLoader(None).disk_migrations)
