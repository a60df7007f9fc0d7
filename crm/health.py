"""Is it alive, and is it ready to serve (for load balancers; no sign-in)."""

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse
from django.views.decorators.cache import never_cache


@login_not_required
@never_cache
def healthz(request):
    """Answer 200 while the process runs; asks nothing of the database."""
    return JsonResponse({"status": "alive"})


@login_not_required
@never_cache
def readyz(request):
    """Answer 200 if the database answers and every migration is applied, else 503 with what is missing."""
    try:
        executor = MigrationExecutor(connection)
        missing = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except Exception:
        return JsonResponse({"status": "unavailable", "database": False}, status=503)
    ready = {"status": "unavailable" if missing else "ready", "database": True, "migrations": not missing}
    return JsonResponse(ready, status=503 if missing else 200)
