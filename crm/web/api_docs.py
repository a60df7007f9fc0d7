"""The page to try the API: Swagger UI from static files, behind sign-in (settled 22)."""

from django.shortcuts import render
from django.views.decorators.http import require_GET


@require_GET
def docs(request):
    return render(request, "api/docs.html")
