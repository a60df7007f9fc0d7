"""What capture tells under the bell: leads that forms gave to the user."""

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capture.models import Submission
from crm.jobs.views import Notice, shown_by_bell
from crm.web import formats

MOST = 100


def unseen_of(user):
    """Return the submissions that were given to this user, are theirs still, and were not looked at."""
    return Submission.objects.live().filter(owner=user, person__owner=user, person__deleted_at=None, seen_at=None)


@shown_by_bell
def new_leads(user):
    found = list(unseen_of(user).order_by("-created_at").values_list("name", "form__name")[:MOST])
    if not found:
        return []
    count = formats.number(len(found)) + ("+" if len(found) == MOST else "")
    title = ngettext("%(count)s submission of a form for you", "%(count)s submissions of forms for you", len(found)) % {
        "count": count
    }
    text = _("Last: %(name)s, by %(form)s") % {"name": found[0][0], "form": found[0][1]}
    return [Notice(title, text, reverse("capture:new_leads"), title)]
