"""Extract the terms of a text, so that "musee" finds « Musées » and "monument" finds « monuments ».

MongoDB's own text index cannot: its French stemmer needs the accents that people leave out. So
accents are folded first, then words are stemmed, in French and in English, since nobody says which
language they write in.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache
from typing import Any

WORD = re.compile(r"[^\W_]+")

#: Function words of both languages, already folded.
_STOPWORDS = """
    a au aux avec ce ces dans de des du elle en est et eux il ils je la le les leur lui ma mais
    me mes moi mon ne nos notre nous on ou par pas pour qu que qui sa se ses son sur ta te tes
    toi ton tu un une vos votre vous c d j l m n s t y the an and are as at be by for from has
    in is it its of that this to was were with
"""
STOPWORDS = frozenset(_STOPWORDS.split())

#: Most terms of a text: nobody searches the ten-thousandth word of a comment.
MAX_TERMS = 400

#: Letters of the longest "word" indexed: nobody types a longer one.
MAX_LETTERS = 30

#: Words joined by hyphens, and where letters meet digits (« guerre14 », "WW1").
_COMPOUND = re.compile(r"[^\W_]+(?:[-\u2010\u2011][^\W_]+)*")
_PART = re.compile(r"\d+|[^\W\d_]+")

_SOUNDS = [
    (re.compile(spelling), heard)
    for spelling, heard in (
        ("ph", "f"), ("ch|qu|ck|q|c(?![eiy])", "k"), ("c|ss|z", "s"), ("y", "i"), ("h", ""),
        ("eau|au", "o"), ("ai|ei|ae|oe", "e"), ("en|em|am", "an"), (r"(.)\1", r"\1"), ("e?s?$", ""),
    )
]  # fmt: skip

_stemmers = threading.local()


def fold(text: str) -> str:
    """Return a text in lower case, without accents or ligatures: « Œuvres » → "oeuvres"."""
    text = text.replace("œ", "oe").replace("Œ", "oe").replace("æ", "ae").replace("Æ", "ae")
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def terms(text: str) -> list[str]:
    """Return the distinct terms of a text, sorted: each word's French and English stems."""
    found: set[str] = set()
    for word in WORD.findall(fold(text)):
        if word not in STOPWORDS:
            found.update(stems(word))
        if len(found) >= MAX_TERMS:
            break
    return sorted(found)


def query_terms(text: str) -> list[tuple[str, ...]]:
    """Return, for each significant word of a search, the stems of which one must be there."""
    words = dict.fromkeys(WORD.findall(fold(text)))
    return [stems(word) for word in words if word not in STOPWORDS][:12]


@lru_cache(maxsize=32768)
def stems(word: str) -> tuple[str, ...]:
    """Return the stems of a folded word: one where French and English agree, otherwise two."""
    return tuple(sorted({_stemmer(lang).stemWord(word) for lang in ("french", "english")}))


@lru_cache(maxsize=32768)
def root(word: str) -> str:
    """Return the one stem by which pairs of words are indexed: the French one."""
    return _stemmer("french").stemWord(word)


def words(text: str) -> dict[str, str]:
    """Map the distinct folded words of a text, in their order, to their joined form, written
    without the hyphen: `{"sous": "", "titrage": "soustitrage"}`."""
    found: dict[str, str] = {}
    for compound in _COMPOUND.findall(fold(text)):
        parts = _PART.findall(compound)
        joined = "".join(parts) if 1 < len(parts) < 5 else ""
        for part in parts:
            if len(part) <= MAX_LETTERS:
                found.setdefault(part, "")
        if joined and len(joined) <= MAX_LETTERS and not joined.isdigit() and parts[-1] in found:
            found[parts[-1]] = found[parts[-1]] or joined
    return found


def spellings(text: str) -> dict[str, str]:
    """Map each folded word of a text to how it is spelt there."""
    found = [part for word in WORD.findall(text) for part in _PART.findall(word)]
    return {fold(word): word for word in reversed(found)}


def sound(word: str) -> str:
    """Return how a folded word roughly sounds: what people write by ear (« cinématografique »)
    sounds like what they mean. Empty for a short word, which sounds like too many."""
    for spelling, heard in _SOUNDS:
        word = spelling.sub(heard, word)
    return word if len(word) >= 5 else ""


def _stemmer(language: str) -> Any:
    # A stemmer is stateful: one per thread. The library loads those of all
    # languages: only once something is searched.
    if not hasattr(_stemmers, language):
        import snowballstemmer

        setattr(_stemmers, language, snowballstemmer.stemmer(language))
    return getattr(_stemmers, language)
