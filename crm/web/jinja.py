"""The Jinja2 environment of the product's own pages."""

from functools import cache

import jinja2
from django.conf import settings
from django.templatetags.static import static
from django.utils import translation
from django.utils.text import capfirst

from crm.web import formats
from crm.web.addresses import url


def environment(**options):
    """Return the environment: escaping, translations, the product's formats; in tests an unknown name is an error."""
    if settings.PROFILE == "test":
        options["undefined"] = jinja2.StrictUndefined
    options.setdefault("trim_blocks", True)
    options.setdefault("lstrip_blocks", True)
    options["extensions"] = [*options.get("extensions", []), "jinja2.ext.i18n", "jinja2.ext.do"]
    env = jinja2.Environment(**options)
    env.install_gettext_callables(
        translation.gettext, translation.ngettext, newstyle=True, pgettext=translation.pgettext, npgettext=translation.npgettext
    )
    # Where a file is does not change while a server runs, and a list shows a hundred icons of one.
    env.globals.update(url=url, static=cache(static), get_language=translation.get_language)
    env.filters.update(
        date=formats.date,
        datetime=formats.moment,
        exactly=formats.exact,
        weekday=formats.weekday,
        short_day=formats.short_day,
        near=formats.near,
        clock=formats.clock,
        linked=formats.linked,
        day_count=formats.day_count,
        number=formats.number,
        percent=formats.percent,
        money=formats.money,
        first_line=formats.first_line,
        domain=formats.domain,
        capfirst=capfirst,
        in_sentence=formats.in_sentence,
    )
    env.policies["ext.i18n.trimmed"] = True
    return env
