"""The sprite of icons holds those that are drawn: none is missing, and none is sent to every browser for nothing."""

import re

from django.conf import settings

TEMPLATES = [*settings.BASE_DIR.glob("templates/**/*.html")]
OTHERS = [*settings.BASE_DIR.glob("static/lotse/*.js"), *settings.BASE_DIR.glob("[a-su-z]*/**/*.py")]  # all but the tests
DRAWN = re.compile(r"\bicon\(['\"]([\w-]+)['\"]")


def test_every_icon_that_is_drawn_is_in_the_sprite_and_every_one_there_is_named():
    there = set(re.findall(r'<symbol id="([^"]+)"', (settings.BASE_DIR / "static/vendor/icons.svg").read_text()))
    assert not [(path, name) for path in TEMPLATES for name in DRAWN.findall(path.read_text()) if name not in there]
    assert not there - {word for path in [*TEMPLATES, *OTHERS] for word in re.findall(r"[\w-]+", path.read_text())}
