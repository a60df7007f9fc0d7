"""Imports in the navigation and the palette; webhooks in the palette."""

from django.utils.translation import gettext_lazy as _

from crm.web import nav
from exchange.webhooks.sender import may_have


def may_import(user):
    return user.role.may_import and user.role.edit != "none"


nav.add(nav.Entry("i", _("Imports"), "upload", "exchange:imports", ("exchange:imports", "exchange:new", "exchange:import"),
                  group="lower", order=40, allowed=may_import))  # fmt: skip
nav.add_command(nav.Command(_("Import a file"), "file-import", "exchange:new", may_import))
nav.add_command(nav.Command(_("Webhooks"), "plug", "exchange:webhooks", may_have, order=89))
