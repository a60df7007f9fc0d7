"""The API of dashboards: made, changed and read, with what their tiles show (D1, D2, A4)."""

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from crm import api
from crm.fields import Asking
from crm.models import User
from dashboards import actions, filters
from dashboards.models import Dashboard
from dashboards.tiles import kept, spec
from dashboards.tiles.question import Question
from dashboards.tiles.result import Cell, Result


class IdsField(serializers.ListField):
    child = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class TilesField(serializers.ListField):
    child = serializers.DictField()


class DashboardSerializer(api.Strict, serializers.ModelSerializer):
    """A dashboard. `tiles` is the list of them, written as a whole; `users` and `teams` are with whom it is shared beyond its
    `visibility`. What is `pinned` for everybody only administrators change."""

    owner = api.Choice(queryset=User.objects.all(), allow_null=True, required=False)
    users = IdsField(source="user_ids", required=False, max_length=500)
    teams = IdsField(source="team_ids", required=False, max_length=500)
    tiles = TilesField(required=False, max_length=actions.MOST_TILES)
    name = serializers.CharField(max_length=80)

    class Meta:
        model = Dashboard
        fields = ("id", "name", "description", "owner", "visibility", "users", "teams", "pinned", "columns", "theme", "tiles", "version",
                  "created_at", "updated_at")  # fmt: skip
        read_only_fields = ("id", "version", "created_at", "updated_at")


class Dashboards(api.RecordViewSet):
    """Dashboards that the user may see. Each user finds in their tiles what they may see themselves."""

    queryset = Dashboard.objects.all()
    serializer_class = DashboardSerializer
    record_name = "dashboard"
    has_external_ids = False
    related = ("owner",)
    parameters = {**api.RecordViewSet.parameters, "tile": set(filters.PARAMS)}

    def create_record(self, values, outcome):
        return actions.create_dashboard(values, by=self.request.user, via="api")

    def edit_record(self, record, values, version):
        return actions.edit_dashboard(record, values, by=self.request.user, via="api", version=version)

    def delete_record(self, record):
        actions.delete(record, by=self.request.user, via="api")

    @extend_schema(
        responses=OpenApiTypes.OBJECT,
        parameters=[
            OpenApiParameter("number", int, OpenApiParameter.PATH),
            *(OpenApiParameter(name, str, description="As the quick filter of a dashboard.") for name in filters.PARAMS),
        ],
    )
    @action(detail=True, methods=["get"], url_path="tiles/(?P<number>[0-9]{1,6})", url_name="tile")
    def tile(self, request, pk=None, number="0"):
        """What a tile shows now: its numbers, each with the criteria of the records behind it."""
        dashboard = self.get_object()
        raw = next((one for one in dashboard.tiles if str(one["id"]) == number), None)
        if raw is None:
            raise Http404
        asking = Asking(request.user)
        chosen = filters.read(request.query_params, asking)
        if chosen.errors:
            raise exceptions.ValidationError({name: [message] for name, message in chosen.errors})
        shown = kept.show(raw, chosen, dashboard.theme, request.user)
        return Response({"id": raw["id"], "title": spec.title_of(raw), **told(raw, shown, chosen, asking)})


def told(raw, shown, chosen, asking) -> dict:
    """Return a tile's numbers as the API tells them; `counting` says that they come later."""
    result: Result | None = shown.result
    if result is None:
        return {"counting": True}
    answer = {"kind": result.kind, "counting": shown.slow, "at": result.at, "facts": result.facts, "problems": [
        {"field": name, "message": message} for name, message in result.problems]}  # fmt: skip
    read = spec.read(raw, asking)
    if result.problems or read.record is None:
        return answer | ({"text": result.text} if result.kind == "text" else {})
    question = Question(read, chosen)

    def number(cell: Cell | None):
        if cell is None:
            return None
        record, tree, selection = question.asked(cell.part)
        return {"value": cell.value, "text": cell.text, "records": cell.records, "record_type": record.name,
                "selection": selection.pk if selection else None, "criteria": tree}  # fmt: skip

    answer |= {
        "record_type": read.record.name,
        "total": number(result.total),
        "earlier": number(result.earlier),
        "target": result.target,
    }
    if result.kind == "funnel":
        steps = [{"label": step.label, **(number(step.cell) or {}), "of_before": step.of_before, "of_all": step.of_all, "median_days": step.days}
                 for step in result.steps]  # fmt: skip
        return answer | {"steps": steps}
    if result.kind == "list":
        names = [column["label"] for column in result.columns]
        rows = [{"url": url, "cells": dict(zip(names, [str(cell.text) for cell in cells], strict=True))}
                for url, _name, cells, _links in result.rows]  # fmt: skip
        return answer | {"rows": rows}
    places = [{"key": head.key, "label": head.label} for head in result.heads]
    series = [
        {"key": one.key, "label": one.label, "unit": one.unit, "numbers": [number(cell) for cell in one.cells]}
        for one in result.series
    ]
    return answer | {"places": places, "series": series}
