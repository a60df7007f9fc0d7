"""Every change to dashboards and their tiles (D1, D5). Shaped like leads.actions: one change set each, undone as one.

A tile is changed by its number under the lock of its dashboard: two who move different tiles at once both succeed.
"""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from crm import access, search
from crm.fields import Asking
from crm.history.changes import Outcome, change
from crm.models import Team, User
from crm.text import fold
from dashboards import lifecycle
from dashboards.models import Dashboard, DashboardFavourite
from dashboards.tiles import spec
from leads import actions as leads

FIELDS = ("name", "description", "owner", "visibility", "user_ids", "team_ids", "pinned", "columns", "theme", "tiles")
MOST_TILES = 40
delete, set_owner = leads.delete, leads.set_owner


# --- Dashboards ---------------------------------------------------------------------------------------------------------


def create_dashboard(values, *, by, via) -> Dashboard:
    """Create a dashboard and return it; without an owner it is `by`."""
    leads.may_create(by)
    leads.known(FIELDS, values)
    dashboard = Dashboard(**{"owner": by, **values})
    with change("dashboard.create", by=by, via=via, params={"count": 1, "name": dashboard.name}):
        _clean(dashboard, values, by)
        dashboard.name_key = fold(dashboard.name)
        dashboard.save(force_insert=True)
        lifecycle.write_shares(dashboard)
        search.refresh("dashboard", [dashboard.pk])
    return dashboard


def copy_dashboard(dashboard, *, by, via, name=None) -> Dashboard:
    """Make a dashboard of one's own like this one; it is seen by nobody else at first."""
    values = {field: getattr(dashboard, field) for field in ("description", "columns", "theme")}
    tiles = [tile for tile in dashboard.tiles if not spec.read(tile, Asking(by)).problems]
    name = name or (_("Copy of %(name)s") % {"name": dashboard})[:80]
    return create_dashboard({**values, "name": name, "visibility": "private", "tiles": tiles}, by=by, via=via)


def edit_dashboard(dashboard, values, *, by, via, version=None, was=None) -> Outcome:
    """Change fields of a dashboard; versions as in leads.actions.edit."""
    return leads.edit(dashboard, values, names=FIELDS, write=_write, by=by, via=via, version=version, was=was)


def set_favourite(dashboard, *, by, on) -> None:
    """Mark a dashboard as the user's favourite, or take the mark off: it is theirs alone, and no change of the dashboard."""
    if on:
        DashboardFavourite.objects.bulk_create([DashboardFavourite(dashboard=dashboard, user=by)], ignore_conflicts=True)
    else:
        DashboardFavourite.objects.filter(dashboard=dashboard, user=by).delete()


def may_change(dashboard, user) -> bool:
    """Tell whether the user may change this dashboard: what is pinned for everybody only administrators do."""
    return access.editable(Dashboard.objects.filter(pk=dashboard.pk), user).exists()


def _write(current, changed, by):
    for name, value in changed.items():
        setattr(current, name, value)
    _clean(current, changed, by)
    columns = {(field := Dashboard._meta.get_field(name)).attname: getattr(current, field.attname) for name in changed}
    # Its predefined name is a text of the product, until somebody gives it another.
    ready = {"ready": ""} if changed.keys() & {"name", "description"} else {}
    Dashboard.objects.filter(pk=current.pk).update(**columns, **ready, name_key=fold(current.name), **Dashboard.edited())
    if changed.keys() & {"user_ids", "team_ids"}:
        lifecycle.write_shares(current)
    if changed.keys() & {"name", "description"}:
        search.refresh("dashboard", [current.pk])


def _clean(dashboard, values, by):
    """Raise ValidationError by field unless the given values may stand in the dashboard."""
    errors: dict[str, list] = {}
    plain = {name: value for name, value in values.items() if name not in {"tiles", "user_ids", "team_ids"}}
    try:
        leads.clean(dashboard, plain, by, required=("name",))
    except ValidationError as error:
        errors.update(error.message_dict)
    for name, model in (("user_ids", User), ("team_ids", Team)):
        ids = getattr(dashboard, name)
        if name in values and not (_are_ids(ids) and model.objects.filter(pk__in=ids).count() == len(set(ids))):
            errors[name] = [_("This is no valid choice.")]
    if values.get("pinned"):
        access.require(by, "administers")
    if dashboard.pinned and dashboard.visibility != "all":
        errors["pinned"] = [_("Only what everybody sees can be pinned for everybody.")]
    if "tiles" in values and not errors:
        try:
            dashboard.tiles = _clean_tiles(dashboard.tiles, by)
        except ValidationError as error:
            errors.update(error.message_dict)
    if errors:
        raise ValidationError(errors)


def _are_ids(ids):
    return isinstance(ids, list) and len(ids) <= 500 and all(
        isinstance(pk, int) and not isinstance(pk, bool) and 0 < pk < 2**31 for pk in ids)  # fmt: skip


def _clean_tiles(tiles, by):
    """Return tiles as they may be stored, each with a number of its own; raise ValidationError."""
    if not isinstance(tiles, list) or not all(isinstance(tile, dict) for tile in tiles):
        raise ValidationError({"tiles": [_("This must be a list.")]})
    if len(tiles) > MOST_TILES:
        raise ValidationError({"tiles": [_("At most %(count)s tiles.") % {"count": MOST_TILES}]})
    asking, taken, cleaned = Asking(by), set(), []
    for number, tile in enumerate(tiles):
        try:
            made = spec.clean({**tile, "id": tile.get("id") or 0}, asking)
        except ValidationError as error:
            told = [f"tiles[{number}].{name}: {' '.join(texts)}" for name, texts in error.message_dict.items()]
            raise ValidationError({"tiles": told}) from error
        if made["id"] in taken or not 0 < made["id"] < 10_000:
            made["id"] = max([*taken, *(one.get("id") or 0 for one in tiles if isinstance(one.get("id"), int)), 0]) + 1
        taken.add(made["id"])
        cleaned.append(made)
    return cleaned


# --- Tiles --------------------------------------------------------------------------------------------------------------


def add_tiles(dashboard, tiles, *, by, via) -> tuple[Outcome, list[int]]:
    """Add tiles at the end of a dashboard; return what was done, and their numbers. Raise ValidationError by setting."""
    asking = Asking(by)
    cleaned = [spec.clean({name: value for name, value in tile.items() if name != "id"}, asking) for tile in tiles]

    def added(there):
        first = max((tile["id"] for tile in there), default=0) + 1
        made = [{**tile, "id": first + number} for number, tile in enumerate(cleaned)]
        ids.extend(tile["id"] for tile in made)
        return [*there, *made]

    ids: list[int] = []
    return _change_tiles(dashboard, "add", added, by, via), ids


def edit_tile(dashboard, number, values, *, by, via) -> Outcome:
    """Give a tile these settings instead of its own; its place stays. Raise ValidationError by setting."""
    made = spec.clean({**values, "id": number}, Asking(by))
    return _change_tiles(
        dashboard, "edit", lambda there: [made if tile["id"] == number else tile for tile in there], by, via, number
    )


def size_tile(dashboard, number, *, width, height, by, via) -> Outcome:
    """Give a tile another size."""
    size = {"width": min(max(width, 1), dashboard.columns), "height": min(max(height, 1), spec.MAX_HEIGHT)}
    return _change_tiles(
        dashboard, "size", lambda there: [{**tile, **size} if tile["id"] == number else tile for tile in there], by, via, number
    )


def remove_tile(dashboard, number, *, by, via) -> Outcome:
    return _change_tiles(dashboard, "remove", lambda there: [tile for tile in there if tile["id"] != number], by, via, number)


def arrange(dashboard, numbers, *, by, via) -> Outcome:
    """Put the tiles into this order; those not named follow in the order they had."""

    def arranged(there):
        places = {number: place for place, number in enumerate(numbers)}
        return sorted(there, key=lambda tile: places.get(tile["id"], len(places)))

    return _change_tiles(dashboard, "arrange", arranged, by, via)


def _change_tiles(dashboard, what, make, by, via, number=None) -> Outcome:
    """Write the tiles that `make` makes of those there are, under the lock of the dashboard."""
    outcome = Outcome()
    with change("dashboard.tiles", by=by, via=via, params={"name": dashboard.name, "what": what}) as change_set:
        current = Dashboard.objects.select_for_update(no_key=True).filter(pk=dashboard.pk, deleted_at=None).first()
        if current is None:
            raise ValidationError(_("This dashboard does not exist."))
        access.require_edit(current, by)
        if number is not None and number not in [tile["id"] for tile in current.tiles]:
            raise ValidationError(_("This tile does not exist any more."))
        tiles = make(current.tiles)
        if len(tiles) > MOST_TILES:
            raise ValidationError(_("At most %(count)s tiles.") % {"count": MOST_TILES})
        if tiles != current.tiles:
            Dashboard.objects.filter(pk=current.pk).update(tiles=tiles, **Dashboard.edited())
            outcome.changed = 1
    outcome.change_set = change_set if change_set.pk else None
    return outcome
