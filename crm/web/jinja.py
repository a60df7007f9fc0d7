"""The Jinja2 environment of the product's own pages."""

from functools import cache

import jinja2
from django.conf import settings
from django.templatetags.static import static
from django.urls import get_script_prefix
from django.utils import translation
from django.utils.html import format_html
from django.utils.text import capfirst
from markupsafe import Markup

from crm import access
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
    # A page has a hundred texts: Jinja2's own would copy the context for each of those within a loop, to ask whether it escapes.
    env.globals.update(gettext=gettext, _=gettext)
    # Where a file is does not change while a server runs, and a list shows a hundred icons of one.
    env.globals.update(url=url, sees=access.sees, static=cache(static), drawn=icon, get_language=translation.get_language)

    @cache
    def rendered(template, _language, _script_prefix):
        return Markup(env.get_template(template).render())  # noqa: S704 (it escapes by itself)

    def unchanging(template):
        """Return a part of the page that depends on its language alone: rendered once, unless templates may change."""
        asked = template, translation.get_language(), get_script_prefix()
        return rendered.__wrapped__(*asked) if env.auto_reload else rendered(*asked)

    env.globals.update(unchanging=unchanging)
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
        dialled=formats.dialled,
        capfirst=capfirst,
        in_sentence=formats.in_sentence,
    )
    env.policies["ext.i18n.trimmed"] = True
    return env


@jinja2.pass_eval_context
def gettext(eval_ctx, text, /, **values):
    """Return a text in the language of the page with these values, escaped where the template escapes: a plain mail does not."""
    found = translation.gettext(text)
    return (Markup(found) if eval_ctx.autoescape else found) % values  # noqa: S704 (texts are our own)


def icon(name, label=""):
    """Return an icon of the sprite; with a label it speaks, without it is decoration."""
    if label:
        return format_html('<svg class="icon" role="img" aria-label="{}">{}</svg>', label, _drawing(name))
    return _decoration(name)


@cache
def _decoration(name):
    return format_html('<svg class="icon" aria-hidden="true">{}</svg>', _drawing(name))


def _drawing(name):
    return format_html('<use href="{}#{}"/>', static("vendor/icons.svg"), name)
