"""Where leads, persons, companies and the bin stand in the navigation."""

from django.utils.translation import gettext_lazy as _

from crm.web import nav
from leads.models import Person


def my_leads(user):
    """Return the leads that are mine: what the list it leads to holds."""
    return Person.objects.visible_to(user).leads().filter(owner=user)


def edits(user):
    return user.role.edit != "none"


nav.add(nav.Entry("l", _("Leads"), "target-arrow", "leads:leads", ("leads:leads",), order=10, count=my_leads))
nav.add(nav.Entry("c", _("Companies"), "building", "leads:companies", ("leads:companies", "leads:company", "leads:company_new",
                  "leads:company_persons"), order=30))  # fmt: skip
nav.add(nav.Entry("p", _("Persons"), "users", "leads:persons", ("leads:persons", "leads:person", "leads:person_new"), order=40))
nav.add(nav.Entry("t", _("Bin"), "trash", "leads:bin", ("leads:bin",), group="lower", order=80, allowed=edits))
nav.add_command(nav.Command(_("New person"), "user-plus", "leads:person_new", edits, order=0))
nav.add_command(nav.Command(_("New company"), "building", "leads:company_new", edits, order=1))
