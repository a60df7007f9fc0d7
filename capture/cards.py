"""The card of a form (C1), and what capture adds to those of persons and companies."""

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from capture import actions
from capture.forms import EDITED, NewForm, form_class
from capture.models import Form
from leads.views import bin as recycle_bin
from leads.views.cards import COMPANIES, PERSONS, CardType, Tab, register


def context(request, form):
    """Return what the card shows besides its facts."""
    tabs = [("submissions", _("Submissions")), ("fields", _("Fields")), ("assignment", _("Assignment")), ("publish", _("Publish")),
            ("history", _("History")), ("details", _("Details"))]  # fmt: skip
    tab = request.GET.get("tab")
    parts = {name: reverse(f"capture:{name}", args=[form.pk]) for name in ("fields", "assignment", "publish")}
    parts |= {name: reverse(f"leads:{name}", args=["forms", form.pk]) for name in ("history", "details")}
    return {
        "tabs": tabs,
        "tab": tab if tab in dict(tabs) else "submissions",
        "lists": {"submissions": reverse("capture:form_submissions", args=[form.pk])},
        "parts": parts,
    }


FORMS = register(CardType(
    kind="forms", model=Form, new_title=gettext_lazy("New form"), create_label=gettext_lazy("Create form"),
    related=("source", "owner"), facts=EDITED[2:], fields=EDITED, form=form_class, new_form=NewForm, create=actions.create_form,
    edit=actions.edit_form, context=context, head="capture/_head.html", page="capture/card.html",
    templates={"consent_required": "capture/_yesno.html", "language": "capture/_language.html", "sites": "capture/_sites.html"},
))  # fmt: skip
PERSONS.lists.append(Tab("origin", gettext_lazy("Origin"), "capture:person_origin"))
COMPANIES.lists.append(Tab("origin", gettext_lazy("Origin"), "capture:company_origin"))
recycle_bin.KINDS |= {"form": "title", "link": "target"}
