"""The page of the global search (W7), its results alone for htmx, and those of the palette."""

from django.shortcuts import render
from django.views.decorators.http import require_GET

from crm import search
from crm.text import fold
from crm.web import nav
from crm.web.htmx import wants_fragment

IN_PALETTE, ON_PAGE = 6, 30


@require_GET
def search_page(request):
    """Answer what is found for `?q=`: as the page, as its results (htmx), or as the palette's options (X-Palette)."""
    text = request.GET.get("q", "").strip()[: search.MAX_LENGTH]
    palette = "X-Palette" in request.headers
    words = search.words_of(text)
    groups = list(search.find(request.user, text, IN_PALETTE if palette else ON_PAGE).values())
    commands = _commands(request.user, words) if palette else []
    context = {
        "q": text,
        "groups": groups,
        "commands": commands,
        # Who types *import* wants it, and not the companies of *sport* that a typo might have meant; who types the whole name of a
        # command wants that.
        "commands_first": any(fold(label) == fold(text) for label, _icon, _url in commands)
        or not any(_is_called(hit, words) for hits in groups for hit in hits),
        "marked": lambda part: search.marked(part, words),
        "limit": ON_PAGE,
    }
    fragment = "search/_palette.html" if palette else "search/_results.html"
    response = render(request, fragment if wants_fragment(request) else "search/page.html", context)
    response.headers["Vary"] = "HX-Request, X-Palette"
    return response


def _is_called(hit, words):
    """Tell whether a record's name holds all of what was typed, as it was typed."""
    return all(word in fold(hit.title) for word in words)


def _commands(user, words):
    """Return the commands whose words begin with all of what was typed; the one that is called so first."""
    offered = [(str(label), icon, url) for label, icon, url in nav.commands(user)]
    offered.sort(key=lambda one: fold(one[0]).split() != list(words))
    return [one for one in offered if all(any(part.startswith(word) for part in fold(one[0]).split()) for word in words)]
