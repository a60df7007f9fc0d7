"""What capture tells under the bell: leads that forms gave to the user."""

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from capture.models import Submission, Told
from crm.jobs.views import Notice, shown_by_bell
from crm.web import formats

MOST = 100


def unseen_of(user):
    """Return the submissions this user has not looked at: given to them and theirs still, or of a form that tells them."""
    given = Submission.objects.filter(owner=user, person__owner=user, person__deleted_at=None, seen_at=None)
    told = Submission.objects.visible_to(user).filter(pk__in=Told.objects.filter(user=user, seen_at=None).values("submission"))
    return Submission.objects.live().filter(pk__in=given.values("pk").union(told.values("pk")))


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
    return [Notice(title, text, reverse("capture:new_leads"), title, _("Show"))]
