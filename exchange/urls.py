"""Pages of imports and webhooks."""

from django.urls import path

from exchange import views
from exchange.webhooks import views as webhooks

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
    path("settings/webhooks/", webhooks.webhooks, name="webhooks"),
    path("settings/webhooks/new/", webhooks.new, name="webhook_new"),
    path("settings/webhooks/<int:pk>/", webhooks.one, name="webhook"),
    path("settings/webhooks/<int:pk>/edit/", webhooks.edit, name="webhook_edit"),
    path("settings/webhooks/<int:pk>/secret/", webhooks.secret, name="webhook_secret"),
    path("settings/webhooks/<int:pk>/test/", webhooks.test, name="webhook_test"),
    path("settings/webhooks/<int:pk>/pause/", webhooks.pause, name="webhook_pause"),
    path("settings/webhooks/<int:pk>/resume/", webhooks.resume, name="webhook_resume"),
    path("settings/webhooks/<int:pk>/again/", webhooks.again, name="webhook_again"),
    path("settings/webhooks/<int:pk>/delete/", webhooks.delete, name="webhook_delete"),
]
