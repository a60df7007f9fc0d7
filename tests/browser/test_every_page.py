"""What must hold on every page: accessible, translated, and no wider than a phone."""

from babel.messages.pofile import read_po

from tests.browser.conftest import ROOT, violations
from tests.browser.pages import every_page


def english_texts():
    """Return the English texts whose German differs: none of them may show on a German page."""
    with (ROOT / "locale" / "de" / "LC_MESSAGES" / "django.po").open("rb") as file:
        catalogue = read_po(file)
    texts = {
        message.id
        for message in catalogue
        if isinstance(message.id, str) and message.id and message.string and message.id != message.string
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


BEYOND = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def problems_of(states, opened=False):
    """Return what is wrong with these states (name, page), by axe-core: in the light with all rules, in the dark (where only the colours
    differ) by those of contrast; what is not translated; what is too wide for a phone."""
    problems, english = [], english_texts()
    # A German word may be spelt as another English text is.
    with (ROOT / "locale" / "de" / "LC_MESSAGES" / "django.po").open("rb") as file:
        german = {str(message.string) for message in read_po(file)}
    # What a language calls itself, and the German name of a role.
    german |= {"English", "Administration"}
    for name, page in states:
        if name != "login":  # before somebody has signed in it speaks as the browser does
            problems += [f"{name}: {text}" for text in page.evaluate(VISIBLE_TEXTS) if text in english and text not in german]
        problems += [f"{name}: {problem}" for problem in violations(page, opened=opened)]
        page.emulate_media(color_scheme="dark")
        problems += [f"{name}, dark: {problem}" for problem in violations(page, ["color-contrast"], opened)]
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 390, "height": 844})
        if (over := page.evaluate(BEYOND)) > 0:
            problems.append(f"{name}: on a phone {over} px too wide")
        page.set_viewport_size({"width": 1440, "height": 900})
    return "\n".join(dict.fromkeys(problems))


def test_every_page_is_accessible_translated_and_fits_a_phone(open_page):
    assert not (problems := problems_of(every_page(open_page, language="de"))), problems
