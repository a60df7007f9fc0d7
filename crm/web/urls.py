"""Pages of the ground floor."""

from django.urls import path

from crm.jobs import views as jobs
from crm.tables.left import left
from crm.web import accounts, criteria, history, nav, search, settings_views

app_name = "crm"
urlpatterns = [
    path("history/<int:pk>/undo/", history.undo_change_set, name="undo"),
    path("left/", left, name="left"),
    path("signed-in-as/", accounts.signed_in_as, name="signed_in_as"),
    path("numbers/", nav.numbers, name="numbers"),
    path("underway/<slug:record_type>/", nav.still_underway, name="underway"),
    path("search/", search.search_page, name="search"),
    path("criteria/<slug:record_type>/fields/", criteria.fields, name="criteria_fields"),
    path("criteria/<slug:record_type>/edit/", criteria.edit, name="criteria_edit"),
    path("criteria/<slug:record_type>/counts/", criteria.count, name="criteria_counts"),
    path("jobs/", jobs.bell, name="bell"),
    path("jobs/watch/", jobs.watch, name="jobs_watch"),
    path("jobs/seen/", jobs.seen, name="jobs_seen"),
    path("jobs/<int:pk>/cancel/", jobs.cancel, name="job_cancel"),
    path("settings/", settings_views.settings_page, name="settings"),
    path("settings/profile/", settings_views.save_profile, name="profile"),
    path("settings/preferences/", settings_views.save_preferences, name="preferences"),
    path("settings/absence/", settings_views.save_absence, name="absence"),
    path("settings/language/", settings_views.set_language, name="set_language"),
    path("settings/theme/", settings_views.set_theme, name="set_theme"),
    path("settings/tokens/", settings_views.create_token, name="token_new"),
    path("settings/tokens/<int:pk>/revoke/", settings_views.revoke_token, name="token_revoke"),
    path("settings/lists/reset/", settings_views.reset_lists, name="lists_reset"),
    path("settings/lists/restore/", settings_views.restore_lists, name="lists_restore"),
]
