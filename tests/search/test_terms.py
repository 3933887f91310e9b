"""Words are found without their accents, ligatures and inflections."""

import threading

import pytest

from udata_culture_feedback.search.terms import MAX_TERMS, fold, query_terms, terms


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Musées", "musees"),
        ("Œuvres ŒUVRES œ", "oeuvres oeuvres oe"),
        ("Ex æquo, Æ", "ex aequo, ae"),
        ("ÉTÉ À L’ÎLE", "ete a l’ile"),
        ("Straße", "strasse"),
        ("ﬁn №5", "fin no5"),
        ("ça", "ca"),
    ],
)
def test_folding(text, folded):
    assert fold(text) == folded
    assert fold(folded) == folded


@pytest.mark.parametrize(
    ("searched", "said"),
    [
        ("musee", "Il manque des musées."),
        ("musées", "le musee"),
        ("monument", "Monuments historiques"),
        ("oeuvre", "des œuvres"),
        ("œuvres", "une oeuvre"),
        ("merimee", "la base Mérimée"),
        ("coordonnee", "coordonnées géographiques"),
        ("géographique", "geographiques"),
        ("updates", "it needs an update"),
        ("libraries", "the library"),
        ("1914", "guerre de 1914-1918"),
        ("outre mer", "d'outre-mer"),
        ("l'archive", "les archives"),
    ],
)
def test_each_word_searched_for_is_found(searched, said):
    found = set(terms(said))
    asked = query_terms(searched)
    assert asked
    assert all(found & set(stems) for stems in asked)


@pytest.mark.parametrize("text", ["", "   ", "!?", "les de la", "the of", "$ { } \x00", "_"])
def test_what_says_nothing_asks_for_nothing(text):
    assert query_terms(text) == []
    assert terms(text) == []


def test_bounds():
    long = " ".join(f"mot{n}" for n in range(5_000))
    assert len(terms(long)) <= MAX_TERMS + 1
    assert len(query_terms(long)) == 12
    assert query_terms("musée musées MUSEE")[0] == query_terms("musee")[0]


def test_threads_agree():
    text = "Les coordonnées des monuments historiques et des musées " * 20
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: found.extend(terms(text) for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(one == found[0] for one in found)
