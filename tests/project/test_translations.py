"""Everything people see is translated, by the catalogue and only there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import udata
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from jinja2 import Environment

import udata_culture_feedback

PACKAGE = Path(udata_culture_feedback.__file__).parent
FRENCH = PACKAGE.parent / "translations/fr/LC_MESSAGES/udata-culture-feedback.po"
UDATAS = Path(udata.__file__).parent / "translations/fr/LC_MESSAGES/udata.po"
TEMPLATES = sorted((PACKAGE / "web" / "templates").rglob("*.html"))

#: Stands where a template puts something.
PUT_THERE = "\x00"

#: Command lines, and the demo's messages on a terminal, speak English like udata's.
NOT_FOR_VISITORS = ("app/commands.py", "app/migrations.py")


def catalogue(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def french() -> Catalog:
    return catalogue(FRENCH)


def used() -> Iterator[tuple[str, str | None]]:
    """The (msgid, context) pairs that our code and templates use now."""
    keywords = {
        "_": None,
        "N_": None,
        "gettext": None,
        "lazy_gettext": None,
        "ngettext": (1, 2),
        "_p": ((1, "c"), 2),
        "pgettext": ((1, "c"), 2),
        "npgettext": ((1, "c"), 2, 3),
    }
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2.ext.babel_extract")]
    found = extract_from_dir(str(PACKAGE), methods, keywords=keywords)
    for _file, _line, message, _comments, context in found:
        yield message[0] if isinstance(message, tuple) else message, context


def texts(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def ids(message: Message) -> list[str]:
    """The sentence, or its singular and its plural."""
    return [message.id] if isinstance(message.id, str) else list(message.id)


def plain(context: str | bytes | None) -> str | None:
    """Babel reads the contexts of a compiled catalogue as bytes."""
    return context.decode() if isinstance(context, bytes) else context


def test_everything_has_french_and_nothing_is_fuzzy(french):
    for message in french:
        if message.id:
            assert all(text.strip() for text in texts(message)), message.id
            assert not message.fuzzy, message.id


def test_the_catalogue_has_what_is_used_and_nothing_else(french):
    known = {(ids(message)[0], message.context) for message in french if message.id}
    now = set(used())
    assert now - known == set(), "run the extraction again"
    assert known - now == set(), "no longer used"


def test_placeholders_are_the_same_in_french(french):
    for message in french:
        wanted = {name for id in ids(message) for name in re.findall(r"%\((\w+)\)", id)}
        for text in texts(message):
            found = set(re.findall(r"%\((\w+)\)", text))
            assert found <= wanted, message.id
            assert wanted - found <= {"num", "n"}, message.id


def test_no_sentence_of_ours_changes_one_of_udatas(french):
    """All catalogues of a portal are merged into one: of two translations of the same msgid, the
    last catalogue read wins."""
    theirs = {(ids(m)[0], m.context): texts(m) for m in catalogue(UDATAS) if m.id}
    collisions = []
    for message in french:
        if not message.id:
            continue
        id = ids(message)[0]
        here, there = texts(message), theirs.get((id, message.context))
        if there and any(there) and there != here:
            collisions.append((id, here, there))
    assert not collisions


def test_the_compiled_catalogue_says_what_the_sources_say(french):
    compiled = FRENCH.with_suffix(".mo")  # written by the editable install that tests run on
    with compiled.open("rb") as file:
        there = {(*ids(m), plain(m.context)): texts(m) for m in read_mo(file) if m.id}
    assert there == {(*ids(m), m.context): texts(m) for m in french if m.id}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_text_of_their_own(template):
    """What is left of a template without its tags and its expressions says nothing."""
    source = template.read_text()
    kept = []
    for _line, kind, value in Environment().lex(source):
        if kind == "data":
            kept.append(value)
        elif kind in ("variable_begin", "block_begin"):
            kept.append(PUT_THERE)
    text = without_trans(source, "".join(kept))
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    spoken = re.findall(
        rf"\b(?:alt|title|aria-label|placeholder)=\"([^\"]*[^\W\d_{PUT_THERE}][^\"]*)\"", text
    )
    assert not spoken
    # Then without tags, the attributes and the ids that macros put together.
    text = re.sub(r"<[^>]*>|&\w+;|[\w-]+=\"[^\"]*\"", " ", text)
    text = re.sub(rf"[\w-]+-{PUT_THERE}|{PUT_THERE}-[\w-]+", " ", text)
    words = re.findall(r"[^\W\d_]{2,}", text)
    assert not words, words


def without_trans(source: str, text: str) -> str:
    """`{% trans %}` blocks are gettext's: their text is not the template's own."""
    for block in re.findall(r"{%-?\s*trans\b.*?%}(.*?){%-?\s*endtrans", source, flags=re.S):
        for part in re.split(r"{[{%].*?[}%]}", block):
            text = text.replace(part, "", 1)
    return text


def test_python_says_nothing_to_people_outside_gettext():
    """Refusals, and whatever else reads like a sentence, go through gettext."""
    spoken = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(NOT_FOR_VISITORS):
            continue
        tree = ast.parse(path.read_text())
        quiet = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called.rsplit(".")[-1] in ("Refusal", "Invalid", "NotFound", "Forbidden"):
                    spoken += [
                        (name, arg.value) for arg in node.args if isinstance(arg, ast.Constant)
                    ]
                # gettext itself; logs and mistakes of operators, in English; API descriptions.
                if called in ("_", "_p", "ValueError") or called.startswith(
                    ("log.", "api.", "ns.")
                ):
                    quiet |= set(ast.walk(node))
                if called.startswith("fields.") or called.endswith("add_argument"):
                    quiet |= set(ast.walk(node))
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                quiet.add(node.value)  # docstrings
        spoken += [
            (name, node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node not in quiet
            and re.match(r"[A-ZÀ-Ý«“\[][\w’'«“]*( [\w’'»”]+)+[.!?…»”\]]$", node.value)
        ]
    assert not spoken


def test_no_text_stands_inside_an_f_string():
    """gettext never sees it there: it would be English in every language."""
    inside = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FormattedValue):
                continue
            called = {ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}
            if called & {"_", "gettext", "ngettext", "lazy_gettext", "pgettext", "_p"}:
                inside.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert not inside
