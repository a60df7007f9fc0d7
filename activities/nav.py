"""Where follow-ups stand in the navigation: *My day* comes first, a user's page to start from."""

from django.utils.translation import gettext_lazy as _

from activities.views.day import due_now
from crm.web import nav
from leads.nav import edits

nav.add(nav.Entry("h", _("My day"), "sun-high", "activities:my_day", ("activities:",), order=5, count=due_now,
                  allowed=edits))  # fmt: skip
nav.add_command(nav.Command(_("New follow-up"), "calendar-plus", "activities:follow_up_new", edits, order=2))
nav.add_command(nav.Command(_("Follow-ups"), "calendar-event", "activities:follow_ups", order=6))
