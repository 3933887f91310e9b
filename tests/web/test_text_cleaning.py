"""What people type, cleaned before it is stored and cut where a title shows it."""

import pytest

from udata_culture_feedback.web.text_cleaning import clean, excerpt, is_invisible, set_french_page


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  Bonjour \n", "Bonjour"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\n\n\n\n\n\nb", "a\n\n\nb"),
        ("tab\tstays", "tab\tstays"),
        ("nul\x00 bell\x07 c1\x8d", "nul bell c1"),
        ("un\x0bdeux\x0ctrois\x85quatre\u2028cinq\u2029six", "un\ndeux\ntrois\nquatre\ncinq\nsix"),
        ("l\x92ann\xe9e \x93o\xf9\x94 \x96 \x9cuvre\x85", "l’année “où” – œuvre"),
        ("e\u0301", "é"),
        ("lone \ud800 surrogate", "lone ? surrogate"),
        ("\u202eoverride\u202c \u2066isolate\u2069", "override isolate"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("نامه\u200cای", "نامه\u200cای"),  # the joiners are part of how words are written
        ("👩\u200d🎨", "👩\u200d🎨"),
        ("<b>$where</b> & {{ 7*7 }}", "<b>$where</b> & {{ 7*7 }}"),
        ("", ""),
        (" \u200b\u202e ", ""),
        ("\u00ad\u2800 \u3164\u200d\ufe0f", ""),
        ("co\u00adopération", "co\u00adopération"),
    ],
)
def test_a_text_is_cleaned_and_nothing_else(typed, stored):
    assert clean(typed) == stored
    assert clean(stored) == stored
    stored.encode()


@pytest.mark.parametrize(
    ("text", "length", "shown"),
    [
        ("court", 60, "court"),
        ("deux\nlignes  et des   blancs", 60, "deux lignes et des blancs"),
        (
            "il manque les musées d'outre-mer et les archives",
            40,
            "il manque les musées d'outre-mer et les…",
        ),
        ("une virgule, juste là", 13, "une virgule…"),
        ("x" * 100, 60, "x" * 59 + "…"),
        ("exactement", 10, "exactement"),
    ],
)
def test_an_excerpt_is_cut_at_a_word(text, length, shown):
    assert excerpt(text, length) == shown
    assert len(shown) <= length


@pytest.mark.parametrize(
    "typed", ["\u00ad", "\u2800 \u2800", "\u3164", "\u200b", "\u200d\ufe0f\u2060"]
)
def test_what_nobody_can_see_is_no_text(typed):
    assert is_invisible(typed)
    assert clean(typed) == ""


@pytest.mark.parametrize("typed", ["", " \n", "\x00 \u202e", "a\u200b", "👩\u200d🎨", "\u00ad-"])
def test_an_empty_field_and_a_visible_character_are_none_of_these(typed):
    assert not is_invisible(typed)


def test_french_spaces_do_not_break_in_pages_and_what_is_typed_stays() -> None:
    tag, typed = '<p title="Quoi ? « ici »">', "<textarea>a : b</textarea>"
    said = "Musées\u00a0: «\u00a0quoi\u00a0?\u00a0» 12\u00a0000, 35\u00a0%"
    page = f"{tag}Musées : « quoi ? » 12 000, 35 %</p>{typed}"
    assert set_french_page(page) == f"{tag}{said}</p>{typed}"
