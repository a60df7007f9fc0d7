"""Every change to links and to the team's naming of what stands in them (C4). Shaped like leads.actions."""

from django.core.exceptions import ValidationError
from django.db import transaction

from capture.models import CampaignLink, Naming
from capture.touches import PARAMS
from crm import access
from crm.history.changes import change
from crm.locks import hold
from crm.text import fold
from leads import actions as leads


def keep_link(built, *, by, via):
    """Keep a link that was built; return (link, change set). The same one is kept once: then there is no change set."""
    leads.may_create(by)
    if built.errors or not built.url:
        raise ValidationError(built.errors)
    with transaction.atomic():
        hold(f"link {by.pk}")
        if there := CampaignLink.objects.live().filter(owner=by, url=built.url).first():
            return there, None
        link = CampaignLink(target=built.target, url=built.url, owner=by, **{name: built.values[name] for name in PARAMS})
        link.name_key, link.source_key, link.medium_key = (fold(text) for text in (link.campaign, link.source, link.medium))
        with change("link.create", by=by, via=via, params={"count": 1, "name": link.campaign}) as change_set:
            link.save(force_insert=True)
    return link, change_set


def edit_naming(values, *, by) -> bool:
    """Change how the team names what stands in links; links that are kept stay as they are. Tell whether anything changed."""
    access.require(by, "administers")
    with transaction.atomic():
        rules = Naming.objects.select_for_update().first() or Naming(pk=1)
        changed = {name: value for name, value in values.items() if getattr(rules, name) != value}
        for name, value in changed.items():
            setattr(rules, name, value)
        rules.clean_fields()
        if changed:
            rules.save()
    return bool(changed)
