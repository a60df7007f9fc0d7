"""Pages of imports."""

from django.urls import path

from exchange import views

app_name = "exchange"
urlpatterns = [
    path("imports/", views.imports, name="imports"),
    path("imports/new/", views.new, name="new"),
    path("imports/<int:pk>/", views.one, name="import"),
    path("imports/<int:pk>/values/", views.values, name="values"),
    path("imports/<int:pk>/mapping/", views.mapping, name="mapping"),
    path("imports/<int:pk>/run/", views.run, name="run"),
    path("imports/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("imports/<int:pk>/failed/", views.failed, name="failed"),
    path("imports/<int:pk>/discard/", views.discard, name="discard"),
]
