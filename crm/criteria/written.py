"""Criteria that the code itself asks (typical searches, ready tiles, the demo), written short."""

from crm.criteria.tree import VERSION


def line(field, operator, value=None, **more) -> dict:
    """Return one line as JSON has it."""
    return {"field": field, "operator": operator, **({} if value is None else {"value": value}), **more}


def every(*lines) -> dict:
    """Return the condition that all of these hold."""
    return {"all": list(lines)}


def whole(*lines) -> dict:
    """Return criteria: all of these lines hold."""
    return {"version": VERSION, **every(*lines)}
