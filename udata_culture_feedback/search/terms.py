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
from typing import Any

WORD = re.compile(r"[^\W_]+")

#: Words that say nothing, in both languages, already folded.
_STOPWORDS = """
    a au aux avec ce ces dans de des du elle en est et eux il ils je la le les leur lui ma mais
    me mes moi mon ne nos notre nous on ou par pas pour qu que qui sa se ses son sur ta te tes
    toi ton tu un une vos votre vous c d j l m n s t y the an and are as at be by for from has
    in is it its of that this to was were with
"""
STOPWORDS = frozenset(_STOPWORDS.split())

#: Words that say little about what a dataset holds, or that politeness adds to a wish; folded.
_WEAK_WORDS = """
    base bases bonjour cette chaque cherche cherchons comme complet complete completes complets
    connaitre data dataset datasets disposer donnee donnees ensemble entre etre existe extrait
    extraits faire fichier fichiers francais francaise francaises france information informations
    jeu jeux jour leurs liste listes lors merci mise obtenir ont open opendata ouverte ouvertes
    peut plait plus possible pouvoir sans savoir selon serait si sont souhaite souhaiterais
    souhaitons sous svp tel telle titre tous tout toute toutes trouver vers
    voudrais voudrions
    all any complete database databases each extract file files find french full get have hello
    how list lists looking need needed please table tables want wanted what where which would
"""
WEAK_WORDS = frozenset(_WEAK_WORDS.split())

#: What the portal's subjects are called in both languages, or in one under several names: one
#: line for each subject. Stemming cannot bring these together.
_SAME_SUBJECT = """
    musee museum
    monument landmark
    patrimoine heritage
    bibliotheque library mediatheque
    cinema cinematographique cinematographie
    film movie
    frequentation attendance visiteur visitor entree admission
    theatre theater
    livre book
    lecture reading
    presse press newspaper
    musique music
    oeuvre artwork
    peinture painting
    photographie photo photograph
    jardin garden
    chateau castle
    eglise church
    fouille excavation
    archeologie archaeology archeology
    edifice building immeuble batiment
    subvention subsidy grant aide
    depense expenditure spending
    emploi employment
    horaire schedule
    adresse address
    carte map
    lieu lieux venue
    spectacle show
    langue language
    journee day
    remarquable remarkable
    ville city town
    departement department
    prix price tarif fee
    guerre war
"""

#: Longest texts are cut for indexing: nobody searches the ten-thousandth word of a comment.
MAX_TERMS = 400

#: Letters of the shortest word in which one typo is forgiven, and of the longest that is indexed.
MIN_LETTERS = 5
MAX_LETTERS = 30

_stemmers = threading.local()


def fold(text: str) -> str:
    """Lower case, without accents or ligatures: « Œuvres » → "oeuvres"."""
    text = text.replace("œ", "oe").replace("Œ", "oe").replace("æ", "ae").replace("Æ", "ae")
    decomposed = unicodedata.normalize("NFKD", text).casefold()
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


@lru_cache(maxsize=32768)
def stems(word: str) -> tuple[str, ...]:
    """The stems of a folded word: one where French and English agree, otherwise two."""
    return tuple(sorted({_stemmer(lang).stemWord(word) for lang in ("french", "english")}))


@lru_cache(maxsize=32768)
def root(word: str) -> str:
    """The one stem by which pairs of words are indexed: the French one."""
    return _stemmer("french").stemWord(word)


def is_strong(word: str) -> bool:
    """Whether a folded word says what a text is about: no empty word, no year, no number."""
    return word not in STOPWORDS and word not in WEAK_WORDS and not any(map(str.isdigit, word))


def content_words(text: str) -> list[str]:
    """The distinct folded words of a text that are not empty, in their order. Endless "words" are
    left out: nobody types them, and an index should not hold them."""
    words = dict.fromkeys(WORD.findall(fold(text)))
    return [word for word in words if word not in STOPWORDS and len(word) <= MAX_LETTERS]


def other_names(word: str) -> tuple[str, ...]:
    """What the same subject is called otherwise, in French or English: "museum" for "musees"."""
    names = {name for stem in stems(word) for name in _subjects().get(stem, ())}
    return tuple(sorted(name for name in names if not set(stems(name)) & set(stems(word))))


def singular(word: str) -> str:
    """A word without the mark of the plural, so that a typo in a plural is one typo."""
    return word[:-1] if len(word) > MIN_LETTERS and word[-1] in "sx" else word


def slips(word: str) -> list[str]:
    """Keys that two words share when one edit (a letter missing, added, changed, or two swapped)
    turns one into the other: the word, and the word without each of its letters. None for short
    words, which are too often one letter away from another word."""
    if len(word) < MIN_LETTERS or not is_strong(word):
        return []
    word = singular(word)
    return sorted({word, *(word[:i] + word[i + 1 :] for i in range(len(word)))})


@lru_cache(maxsize=1)
def _subjects() -> dict[str, tuple[str, ...]]:
    """For each stem of a name of a subject, all the names of that subject."""
    named: dict[str, tuple[str, ...]] = {}
    for line in _SAME_SUBJECT.strip().splitlines():
        names = tuple(line.split())
        for name in names:
            for stem in stems(name):
                named[stem] = named.get(stem, ()) + names
    return named


def _stemmer(language: str) -> Any:
    # A stemmer keeps state while it works: one for each thread. The library loads those of all
    # languages: not before something is looked for.
    if not hasattr(_stemmers, language):
        import snowballstemmer

        setattr(_stemmers, language, snowballstemmer.stemmer(language))
    return getattr(_stemmers, language)
