"""What a board's page shows, read from its HTML."""

import json
import re

HTMX = {"HTTP_HX_REQUEST": "true"}


def cells(answer) -> dict[tuple[str, str], list[int]]:
    """Return the ids of the cards in each cell, by (column, row)."""
    found = {}
    for cell in re.split(r'(?=<div class="cell)', answer.content.decode())[1:]:
        column, row = re.search(r'data-column="([^"]*)" data-lane="([^"]*)"', cell).groups()
        found[column, row] = [int(pk) for pk in re.findall(r'<li class="board-card[^>]*data-id="(\d+)"', cell)]
    return found


def every(answer) -> list[int]:
    return [pk for ids in cells(answer).values() for pk in ids]


def column(answer, key, row=""):
    return cells(answer)[str(key), row]


def counts(answer) -> dict[str, int]:
    """Return what the heads of the columns say."""
    heads = re.findall(r'data-head="([^"]+)".*?data-count>([^<]*)<', answer.content.decode(), re.DOTALL)
    return {key: int(text.replace(",", "")) for key, text in heads}


def move(client, cards, to, row="", address="/board/move/", **data):
    """Move cards, given as (person, column it is seen in) or (person, column, row)."""
    text = ",".join(f"{card[0].pk}:{card[1]}:{card[2] if len(card) > 2 else ''}" for card in cards)
    return client.post(address, {"cards": text, "column": str(to), "row": str(row), **data}, **HTMX)


def told(answer) -> str:
    return json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
