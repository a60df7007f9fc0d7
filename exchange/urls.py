"""Pages of imports."""

from django.urls import path

from exchange import views

app_name = "exchange"
urlpatterns = [
    path("imports/", views.imports, name="imports"),
    path("imports/new/", views.new, name="new"),
    path("imports/<int:pk>/", views.one, name="import"),
    path("imports/<int:pk>/progress/", views.progress, name="progress"),
    path("imports/<int:pk>/failed.csv", views.failed_rows, name="failed_rows"),
    path("imports/<int:pk>/cancel/", views.cancel, name="cancel"),
]
