"""A question as a tree of lines *field – operator – value*, turned into one condition (architecture, idea 2).

    {"version": 1, "all": [
        {"field": "category_group", "operator": "in", "value": ["potential"]},
        {"any": [{"field": "city", "operator": "contains", "value": "berlin"}, {"not": {"field": "stop", "value": true}}]},
        {"field": "activities.number", "operator": "is", "value": 0, "where": {"all": [{"field": "done_at", "operator": "last_days", "value": 30}]}}
    ]}

It is validated on the way in: an unknown field, operator or value is an error with its place, never dropped. A line or set that
is switched off (`"off": true`) is kept, but asks nothing. Lists hold lines in their URL: `?city__contains=berlin&lead_status=2,3`.
"""

from crm.criteria.lines import Line, from_query, line, to_query
from crm.criteria.tree import MAX_DEPTH, MAX_JSON, MAX_LINES, VERSION, CriteriaError, Set, condition, loads, packed, parse, to_q
from crm.criteria.words import in_words

__all__ = [
    "MAX_DEPTH", "MAX_JSON", "MAX_LINES", "VERSION", "CriteriaError", "Line", "Set", "condition", "from_query", "in_words", "line", "loads", "packed", "parse", "to_q",
    "to_query",
]  # fmt: skip
