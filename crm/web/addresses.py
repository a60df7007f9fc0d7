"""The addresses of pages by their names."""

from functools import cache

from django.urls import get_script_prefix, reverse


def url(name, *args, **kwargs) -> str:
    """Return the address of a page. One without parameters is always the same, and a list names fifty of them."""
    return reverse(name, args=args, kwargs=kwargs) if args or kwargs else _fixed(name, get_script_prefix())


@cache
def _fixed(name, prefix):
    return reverse(name)
