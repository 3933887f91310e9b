"""Terms of a text, so that "musee" finds « Musées » and "monument" finds « monuments ».

MongoDB's own text index cannot: its French stemmer wants the accents that people leave out. So
accents are folded first, then words are stemmed, in French and in English, since nobody says which
language they write in.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer

WORD = re.compile(r"[^\W_]+")

#: Words that say nothing, in both languages, already folded.
STOPWORDS = frozenset(
    [
        "a",
        "au",
        "aux",
        "avec",
        "ce",
        "ces",
        "dans",
        "de",
        "des",
        "du",
        "elle",
        "en",
        "est",
        "et",
        "eux",
        "il",
        "ils",
        "je",
        "la",
        "le",
        "les",
        "leur",
        "lui",
        "ma",
        "mais",
        "me",
        "mes",
        "moi",
        "mon",
        "ne",
        "nos",
        "notre",
        "nous",
        "on",
        "ou",
        "par",
        "pas",
        "pour",
        "qu",
        "que",
        "qui",
        "sa",
        "se",
        "ses",
        "son",
        "sur",
        "ta",
        "te",
        "tes",
        "toi",
        "ton",
        "tu",
        "un",
        "une",
        "vos",
        "votre",
        "vous",
        "c",
        "d",
        "j",
        "l",
        "m",
        "n",
        "s",
        "t",
        "y",
        "the",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "has",
        "in",
        "is",
        "it",
        "its",
        "of",
        "on",
        "that",
        "this",
        "to",
        "was",
        "were",
        "with",
    ]
)

#: Longest texts are cut for indexing: nobody searches the ten-thousandth word of a comment.
MAX_TERMS = 400

_stemmers = threading.local()


def fold(text: str) -> str:
    """Lower case, without accents or ligatures: « Œuvres » → "oeuvres"."""
    text = text.replace("œ", "oe").replace("Œ", "oe").replace("æ", "ae").replace("Æ", "ae")
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def terms(text: str) -> list[str]:
    """The distinct terms of a text, sorted: each word's French and English stems."""
    found: set[str] = set()
    for word in WORD.findall(fold(text)):
        if word not in STOPWORDS:
            found.update(stems(word))
        if len(found) >= MAX_TERMS:
            break
    return sorted(found)


def query_terms(text: str) -> list[tuple[str, ...]]:
    """What a search asks for: for each word that says something, the stems of which one must be
    there."""
    words = dict.fromkeys(WORD.findall(fold(text)))
    return [stems(word) for word in words if word not in STOPWORDS][:12]


@lru_cache(maxsize=8192)
def stems(word: str) -> tuple[str, ...]:
    """The stems of a folded word: one where French and English agree, otherwise two."""
    return tuple(sorted({_stemmer(lang).stemWord(word) for lang in ("french", "english")}))


def _stemmer(language: str) -> snowballstemmer.stemmer:
    # A stemmer keeps state while it works: one for each thread.
    if not hasattr(_stemmers, language):
        setattr(_stemmers, language, snowballstemmer.stemmer(language))
    return getattr(_stemmers, language)
