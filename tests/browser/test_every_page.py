"""What must hold on every page: accessible, translated, no sideways scrolling."""

import pytest
from babel.messages.pofile import read_po

from tests.browser.conftest import ROOT, WCAG, violations
from tests.browser.pages import ADMIN_PAGES, OPENED, PAGES, open_on, visit


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_on_any_page(open_page, dark):
    # In the dark nothing but the colours is another.
    found, rules = [], ["color-contrast"] if dark else WCAG
    for user, pages in (("anna", PAGES), ("admin", ADMIN_PAGES)):
        page = open_page(user, dark=dark)
        for name, url in pages.items():
            visit(page, url)
            found += [f"{name}: {problem}" for problem in violations(page, rules)]
    page = open_page("anna", dark=dark)
    for name in OPENED:
        open_on(page, name)
        found += [f"{name}: {problem}" for problem in violations(page, rules)]
    page = open_page(None, dark=dark)
    page.goto("/accounts/login/")
    found += [f"login: {problem}" for problem in violations(page, rules)]
    assert not found, "\n".join(found)


def english_texts():
    """Return the English texts whose German differs: none of them may show on a German page."""
    with (ROOT / "locale" / "de" / "LC_MESSAGES" / "django.po").open("rb") as file:
        catalogue = read_po(file)
    texts = {
        message.id for message in catalogue if isinstance(message.id, str) and message.string and message.id != message.string
    }
    return {text for text in texts if "%(" not in text and "{" not in text}


VISIBLE_TEXTS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), texts = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.nodeValue.replace(/\\s+/g, ' ').trim(), element = walker.currentNode.parentElement;
    if (text && !element.closest('[data-record-text], script, style, [lang=en]')) texts.push(text);
  }
  for (const element of document.querySelectorAll('[title],[aria-label],[placeholder],[data-tooltip]'))
    for (const name of ['title', 'aria-label', 'placeholder', 'data-tooltip'])
      if (element.hasAttribute(name)) texts.push(element.getAttribute(name));
  return texts;
}"""


def test_no_page_shows_an_untranslated_text(open_page):
    english, found = english_texts(), []
    # A German word may be spelt as another English text is.
    with (ROOT / "locale" / "de" / "LC_MESSAGES" / "django.po").open("rb") as file:
        german = {str(message.string) for message in read_po(file)}
    # What a language calls itself, and the German name of a role.
    german |= {"English", "Administration"}
    for user, pages in (("anna", PAGES), ("admin", ADMIN_PAGES)):
        page = open_page(user, language="de")
        for name, url in pages.items():
            visit(page, url)
            page.wait_for_load_state("networkidle")
            found += [f"{name}: {text}" for text in page.evaluate(VISIBLE_TEXTS) if text in english and text not in german]
    page = open_page("anna", language="de")
    for name in OPENED:
        open_on(page, name)
        found += [f"{name}: {text}" for text in page.evaluate(VISIBLE_TEXTS) if text in english and text not in german]
    assert not found, "\n".join(sorted(set(found)))


def test_no_page_scrolls_sideways_on_a_phone(open_page):
    wide = []
    for user, pages in (("anna", PAGES), ("admin", ADMIN_PAGES)):
        page = open_page(user, language="de", width=390, height=844, touch=True)
        for name, url in pages.items():
            visit(page, url)
            page.wait_for_load_state("networkidle")
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if overflow > 0:
                wide.append(f"{name}: {overflow} px")
    page = open_page("anna", language="de", width=390, height=844, touch=True)
    for name in OPENED:
        open_on(page, name)
        if page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") > 0:
            wide.append(name)
    assert not wide
