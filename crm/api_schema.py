"""What the OpenAPI description says beyond what drf-spectacular sees: the answers of refusals, and what a filter may hold."""

from django.apps import apps
from django.db.models import CharField

from crm import periods
from crm.fields import BARE, MAX_PERIODS, Choice, Fixed, Link, Moment, Money, Number, Text, UserChoice, YesNo

_TEXT = {"type": "string"}
_DETAIL = {"type": "object", "properties": {"detail": _TEXT}, "required": ["detail"]}
ERRORS = {
    "Refused": {
        "type": "object",
        "description": "Each field or parameter that is wrong, with what is wrong; `detail` where it is none of them.",
        "additionalProperties": {"oneOf": [_TEXT, {"type": "array", "items": _TEXT}]},
    },
    "Told": _DETAIL,
}
TOLD = {
    "400": "What was sent cannot be, with the field and a sentence.",
    "401": "Nobody is signed in, or the token is not valid.",
    "403": "The user or the token may not do this.",
    "404": "It is not there, or the user may not see it.",
    "409": "Somebody else was faster: the record as it is now.",
    "413": "It is too large.",
    "415": "It is no JSON.",
    "422": "The Idempotency-Key was used for another request.",
    "428": "The version is missing.",
    "429": "Too many requests; `Retry-After` says how long to wait.",
}
READ, WRITTEN = ("401", "429"), ("400", "401", "403", "413", "415", "429")
ANSWERS = {"get": READ, "post": (*WRITTEN, "409", "422"), "put": (*WRITTEN, "404", "409", "428"),
           "patch": (*WRITTEN, "404", "409", "428"), "delete": ("400", "401", "403", "404", "409", "413", "415", "428", "429")}  # fmt: skip


def complete(result, generator, request, public):
    """A hook of drf-spectacular: add the refusals to every operation, and say that unknown fields are refused."""
    schemas = result["components"]["schemas"]
    schemas.update(ERRORS)
    for name, schema in schemas.items():
        if name.endswith("Request"):
            schema["additionalProperties"] = False
        for described in schema.get("properties", {}).values():
            # *One of* a text and an empty text: an empty one is both.
            if "oneOf" in described and {"type": "string", "maxLength": 0} in described["oneOf"]:
                described["anyOf"] = described.pop("oneOf")
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            if path.endswith("/schema/"):
                continue
            responses = operation["responses"]
            more = ("400", "404") if method == "get" else ()
            if operation["operationId"].endswith("_list"):
                responses["414"] = {"description": "The address is too long; ask for fewer values at once."}
            for status in (*ANSWERS[method], *more):
                responses.setdefault(status, _answer(status, _record(responses)))
            # What has a version is changed by it, and may be given away.
            if any(one["name"] == "If-Match" for one in operation.get("parameters", [])) and method in {"put", "patch"}:
                responses["204"] = {"description": "Changed; it is no longer one that the user may see."}
                for kind in operation["requestBody"]["content"].values():
                    _with_version(schemas[kind["schema"]["$ref"].rsplit("/", 1)[-1]])
    return result


def _with_version(schema):
    schema["properties"]["version"] = {
        "type": "integer", "minimum": 1, "maximum": 999_999_999, "description": "The version the change is based on, unless If-Match says it.",
    }  # fmt: skip


def _record(responses):
    """Return the schema of the record an operation answers with, if any."""
    answered = responses.get("200") or responses.get("201") or {}
    return answered.get("content", {}).get("application/json", {}).get("schema")


def _answer(status, record):
    name = "Refused" if status == "400" else "Told"
    schema = {"$ref": f"#/components/schemas/{name}"}
    if status == "409":
        current = {"allOf": [record], "nullable": True} if record else {"type": "object", "nullable": True}
        schema = {"type": "object", "properties": {"detail": _TEXT, "current": current}, "required": ["detail", "current"]}
    return {"description": TOLD[status], "content": {"application/json": {"schema": schema}}}


# --- Filters --------------------------------------------------------------------------------------------------------------


def parameter(name, described, operator) -> dict:
    """Return a filter's parameter as OpenAPI describes it."""
    return {"name": name, "in": "query", "required": False, **_holds(described, operator)}


def _holds(described, operator):
    if operator in BARE:
        return {"schema": {"type": "string", "enum": ["1", "true"]}}
    if isinstance(described, YesNo):
        return {"schema": {"type": "boolean"}}
    if isinstance(described, Moment):
        if operator in {"last_days", "next_days"}:
            return {"schema": {"type": "integer", "minimum": 0, "maximum": 9999}}
        if operator == "period":
            return _several(
                {"type": "string", "pattern": f"^({periods.PERIOD.pattern})$", "example": "previous_3_months"}, 1, MAX_PERIODS
            )
        relative = {"pattern": "^(today)?([+-][0-9]{1,3}[dwmqy])?$", "minLength": 1, "example": "-30d"}
        moment = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}, relative]}
        return _several(moment, 2, 2) if operator == "between" else {"schema": moment}
    if isinstance(described, Number):
        number = {
            "type": "number" if isinstance(described, Money) else "integer",
            "minimum": described.low,
            "maximum": described.high,
        }
        return _several(number, 2, 2) if operator == "between" else {"schema": number}
    if operator not in {"in", "not_in"}:
        return {"schema": {"type": "string", "maxLength": 400}}
    key: dict = {"type": "integer", "minimum": 0}
    if isinstance(described, UserChoice):
        key = {"anyOf": [key, {"type": "string", "enum": ["me", "my_team"]}]}
    elif isinstance(described, Fixed) and described.any_value:
        key = {"type": "string", "minLength": 1, "maxLength": 80}
    elif isinstance(described, Fixed):
        key = {"type": "string", "enum": sorted(str(value) for value, _label in described.choices())}
    elif isinstance(described, Text) and not isinstance(described, Link):
        key = {"type": "string", "minLength": 1, "maxLength": 400}
    elif isinstance(described, Choice) and isinstance(apps.get_model(described.items)._meta.pk, CharField):
        key = {"type": "string"}
    else:
        assert isinstance(described, Choice | Link), described
    return _several(key, 1, 500)


def _several(item, least, most):
    schema = {"type": "array", "items": item, "minItems": least, "maxItems": most}
    return {"schema": schema, "style": "form", "explode": False}
