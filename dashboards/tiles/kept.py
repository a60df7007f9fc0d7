"""Tiles that were counted a short while ago (performance): shown with their time, and never older than the user's own last change.

Others' changes show after FRESH seconds at the latest. As long as nobody has changed anything at all, a tile stays right for longer.
"""

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache
from django.utils import timezone, translation

from crm.budget import TookTooLong, within
from crm.fields import Asking
from crm.history.models import ChangeSet
from crm.jobs import enqueue, job
from crm.models import User
from dashboards.filters import PARAMS, Filters
from dashboards.tiles import spec
from dashboards.tiles.count import count
from dashboards.tiles.result import Result

logger = logging.getLogger("lotse")
FRESH = timedelta(seconds=60)
UNCHANGED = timedelta(minutes=10)
KEPT = 24 * 3600
PATIENCE = 8.0  # seconds a page waits for a tile; then it is counted in the background
BEHIND = 60  # seconds a page leaves that to the job before it tries for itself again
VERSION = 3  # of what is kept: a new shape is a new key


@dataclass(frozen=True)
class Kept:
    """A result, and the newest change set there was before it was counted."""

    result: Result
    seen: int


@dataclass(frozen=True)
class Shown:
    """A tile as it is shown now: without a result it is still being counted; `stale` says that a newer one is on its way."""

    result: Result | None
    stale: bool = False
    slow: bool = False


def key_of(raw, filters, theme, user) -> str:
    """Return the key under which this user's numbers of a tile are kept: all that they depend on beside the records."""
    sees = [user.role.see, user.colleague_ids if user.role.see == "team" else []]
    own = {name: value for name, value in raw.items() if name not in {"id", "width", "height", "title"}}
    said = [VERSION, own, filters.given, theme, user.pk, translation.get_language(), user.time_zone, sees, user.is_active]
    return f"tile:{hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()}"


def recent(tiles, filters, theme, user) -> dict[int, Shown]:
    """Return the tiles (raw ones) that need no counting now, by their number; two statements for all of them."""
    keys = {raw["id"]: key_of(raw, filters, theme, user) for raw in tiles}
    known = cache.get_many(keys.values()) if keys else {}
    found = {number: known[key] for number, key in keys.items() if key in known}
    if not found:
        return {}
    newest, mine = _changes_since(min(one.seen for one in found.values()), user)
    shown = {}
    for number, one in found.items():
        if one.result.on == Asking(user).today and not any(change > one.seen for change in mine):
            age = timezone.now() - one.result.at
            shown[number] = Shown(one.result, stale=age > (UNCHANGED if newest <= one.seen else FRESH))
    return shown


def _changes_since(seen, user):
    """Return (the newest change set, those of this user's that came after one)."""
    newest = newest_change()
    if newest <= seen:
        return newest, []
    return newest, list(ChangeSet.objects.filter(pk__gt=seen, by=user).order_by("-pk").values_list("pk", flat=True)[:1])


def newest_change() -> int:
    return ChangeSet.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def show(raw, filters, theme, user, *, fresh=False) -> Shown:
    """Return a tile: as it was kept if that is still right, else counted now. One that takes too long is counted in the background."""
    key = key_of(raw, filters, theme, user)
    old = recent([raw], filters, theme, user).get(raw["id"])
    if old and not old.stale and not fresh:
        return old
    if cache.get(f"{key}:slow"):
        # A page that asks again whether it is there does not count it once more beside the job.
        return Shown(old.result if old else None, stale=bool(old), slow=True)
    try:
        with within(PATIENCE):
            return Shown(count_now(raw, filters, theme, user, key))
    except TookTooLong:
        logger.warning("A tile takes longer than %s s: %s", PATIENCE, raw)
    cache.set(f"{key}:slow", True, BEHIND)
    enqueue(count_in_background, unique_key=key[:100], raw=raw, filters=filters.given, theme=theme, user=user.pk,
            language=translation.get_language())  # fmt: skip
    return Shown(old.result if old else None, stale=bool(old), slow=True)


def count_now(raw, filters, theme, user, key) -> Result:
    """Count a tile and keep what came of it."""
    seen = newest_change()
    # While somebody's own long work goes on, what is counted is old at once.
    at_work = ChangeSet.objects.filter(state=ChangeSet.State.RUNNING, by=user).exists()
    result = count(spec.read(raw, Asking(user)), filters, theme)
    if not at_work and not result.problems:
        cache.set(key, Kept(result, seen), KEPT)
        cache.delete(f"{key}:slow")
    return result


@job
def count_in_background(job, *, raw, filters, theme, user, language):
    """Count a tile that took too long for a page; it finds the result where it is kept."""
    who = User.objects.get(pk=user)
    given = Filters(**{name: filters.get(name, "") for name in PARAMS})
    with translation.override(language), timezone.override(who.zone):
        count_now(raw, given, theme, who, key_of(raw, given, theme, who))
