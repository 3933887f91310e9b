"""What the checks find in a text, and where; what they leave alone."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum import iban
from stdnum.fr import nir

from tests.cases import PluginTestCase
from udata_culture_feedback.contributions import text_checks


def found(text: str) -> list[tuple[str, str]]:
    """What is found, and the very words."""
    return [(one.check, text[one.start : one.end]) for one in text_checks.personal_data(text)]


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ("Écrivez à jean.dupont@museum.fr.", "email", "jean.dupont@museum.fr"),
        ("« jean+avis@sous.domaine.museum »", "email", "jean+avis@sous.domaine.museum"),
        ("jean [at] museum.fr", "email", "jean [at] museum.fr"),
        ("jean(arobase)museum.fr", "email", "jean(arobase)museum.fr"),
        ("été@musée.fr", "email", "été@musée.fr"),
        ("Appelez le 01 23 45 67 89.", "phone", "01 23 45 67 89"),
        ("06.12.34.56.78", "phone", "06.12.34.56.78"),
        ("0612345678", "phone", "0612345678"),
        ("06\u00a012\u00a034\u00a056\u00a078", "phone", "06\u00a012\u00a034\u00a056\u00a078"),
        ("+33 6 12 34 56 78", "phone", "+33 6 12 34 56 78"),
        ("+33 (0)6 12 34 56 78", "phone", "+33 (0)6 12 34 56 78"),
        ("0033612345678", "phone", "0033612345678"),
        ("+44 20 7946 0958", "phone", "+44 20 7946 0958"),
        ("+1 (212) 555-0123", "phone", "+1 (212) 555-0123"),
        ("0044 20 7946 0958", "phone", "0044 20 7946 0958"),
        ("NIR 1 85 05 78 006 084 91", "nir", "1 85 05 78 006 084 91"),
        ("185057800608491", "nir", "185057800608491"),
        ("1 85 05 78 006 084 clé 91", "nir", "1 85 05 78 006 084 clé 91"),
        ("1 85 05 78 006 084 (91)", "nir", "1 85 05 78 006 084 (91"),
        ("FR76 3000 6000 0112 3456 7890 189", "iban", "FR76 3000 6000 0112 3456 7890 189"),
        ("fr7630006000011234567890189", "iban", "fr7630006000011234567890189"),
        (
            "12 rue de Rivoli, 75004 Paris, merci",
            "postal_address",
            "12 rue de Rivoli, 75004 Paris",
        ),
        (
            "3 bis avenue du 11 novembre 1918\n69003 Lyon",
            "postal_address",
            "3 bis avenue du 11 novembre 1918\n69003 Lyon",
        ),
    ],
)
def test_personal_data_is_found_where_it_is(text, what, where):
    assert found(text) == [(what, where)]


@pytest.mark.parametrize(
    "text",
    [
        "Il manque les musées d’outre-mer depuis 2019.",
        "La colonne @id est vide, et user@ aussi.",
        "Le fichier du 01/02/2023 04:30 est vide.",
        "Entre le 01.02.2023 et le 03.04.2023",
        "Numéro vert : 0 800 123 456, ou 08 00 12 34 56",
        "SIRET 01234567800012, SIREN 732 829 320",
        "Latitude +48.856614, longitude +2.3522219",
        "2023-01-01T00:00:00+01:00",
        "https://doi.org/10.1000/0612345678",
        "ISBN 978-2-07-036822-8",
        "1 85 05 78 006 084 92",  # the key is wrong
        "1850578006084",  # no key
        "FR76 3000 6000 0112 3456 7890 188",  # the checksum is wrong
        "ZZ76 3000 6000 0112 3456 7890 189",  # no such country
        "Le musée du 12 rue de Rivoli est absent.",
        "12 rues et 75004 arbres",
        "",
    ],
)
def test_what_is_nobodys_is_left_alone(text):
    assert found(text) == []


def test_several_are_found_in_their_order():
    text = "FR76 3000 6000 0112 3456 7890 189 GB82 WEST 1234 5698 7654 32 puis a@b.fr"
    assert [what for what, _where in found(text)] == ["iban", "iban", "email"]


NIRS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from("12"),
        st.integers(0, 99).map("{:02}".format),
        st.integers(1, 12).map("{:02}".format),
        st.one_of(st.integers(1, 95).map("{:02}".format), st.sampled_from(["2A", "2B"])),
        st.integers(1, 990).map("{:03}".format),
        st.integers(1, 999).map("{:03}".format),
    ),
)


def spaced(number: str, gap: str, *sizes: int) -> str:
    """A number in groups."""
    groups, start = [], 0
    for size in sizes:
        groups.append(number[start : start + size])
        start += size
    return gap.join([*groups, number[start:]])


@given(NIRS, st.sampled_from(["", " ", ".", "-", "\u00a0"]))
def test_every_number_of_the_register_is_known_by_its_key(number, gap):
    key = nir.calc_check_digits(number)
    text = spaced(number, gap, 1, 2, 2, 2, 3) + gap + key
    assert ("nir", text) in found(f"Voici {text}.")


@given(NIRS, st.integers(1, 96))
def test_a_wrong_key_makes_it_a_number_like_any_other(number, shift):
    wrong = (int(nir.calc_check_digits(number)) + shift - 1) % 97 + 1
    assert "nir" not in dict(found(f"Voici {number}{wrong:02}."))


#: What account numbers are made of, in some countries (ISO 13616).
ACCOUNTS = {
    "FR": r"[0-9]{10}[0-9A-Z]{11}[0-9]{2}",
    "BE": "[0-9]{12}",
    "DE": "[0-9]{18}",
    "GB": "[A-Z]{4}[0-9]{14}",
    "MT": "[A-Z]{4}[0-9]{5}[0-9A-Z]{18}",
    "NO": "[0-9]{11}",
    "ES": "[0-9]{20}",
}


@st.composite
def ibans(draw: Any) -> str:
    country = draw(st.sampled_from(sorted(ACCOUNTS)))
    account = draw(st.from_regex(ACCOUNTS[country], fullmatch=True))
    assume(len(set(account)) > 1)  # one digit throughout is an example
    return f"{country}{iban.calc_check_digits(f'{country}00{account}')}{account}"


@given(ibans(), st.booleans(), st.booleans())
def test_every_account_number_is_known_by_its_checksum(number, grouped, lower):
    text = " ".join(number[i : i + 4] for i in range(0, len(number), 4)) if grouped else number
    text = text.lower() if lower else text
    assert ("iban", text) in found(f"Voici {text}, merci.")


@given(ibans(), st.integers(0, 200), st.sampled_from(string.digits))
def test_one_wrong_digit_makes_it_a_text_like_any_other(number, position, digit):
    position = 4 + position % (len(number) - 4)
    if number[position] == digit or not number[position].isdigit():
        return
    wrong = number[:position] + digit + number[position + 1 :]
    assert ("iban", wrong) not in found(wrong)


@given(st.text(max_size=300))
def test_no_text_breaks_a_check_and_findings_are_in_it(text):
    for one in text_checks.personal_data(text):
        assert 0 <= one.start < one.end <= len(text)


class SettingsTest(PluginTestCase):
    LINKS = "http://a.example https://b.example www.c.example"

    def checks(self, text: str) -> list[str]:
        return [one.check for one in text_checks.inspect(text)]

    def test_three_links_are_many_and_each_is_found(self):
        assert self.checks(self.LINKS) == ["links"] * 3
        assert self.checks("http://a.example https://b.example") == []

    @pytest.mark.options(CULTURE_FEEDBACK_MAX_LINKS=3)
    def test_the_portal_says_how_many_are_many(self):
        assert self.checks(self.LINKS) == []

    @pytest.mark.options(CULTURE_FEEDBACK_CHECKS=["phone"])
    def test_the_portal_says_which_checks_it_wants(self):
        assert self.checks("a@b.fr 06 12 34 56 78") == ["phone"]

    @pytest.mark.options(SPAM_WORDS=["casino"])
    def test_words_that_udata_takes_for_spam_are_found(self):
        [one] = text_checks.inspect("Un CASINO bien décrit.")
        assert (one.check, one.start, one.end) == ("spam_words", 3, 9)

    @pytest.mark.options(SPAM_WORDS=["cialis", "casino en ligne", "crédit facile", "$$$"])
    @pytest.mark.parametrize(
        ("text", "where"),
        [
            ("Un spécialiste du cirque", None),
            ("Le Casino de Paris est un théâtre", None),
            ("Le casino, en tout cas en ligne de mire", None),
            ("Cialis pas cher", "Cialis"),
            ("Jouez au CASINO-EN-LIGNE !", "CASINO-EN-LIGNE"),
            ("İci, un Credit Facile", "Credit Facile"),
            ("Gagnez $$$ vite", "$$$"),
        ],
    )
    def test_spam_words_are_whole_words_with_or_without_accents(self, text, where):
        found = text_checks.inspect(text)
        assert [text[one.start : one.end] for one in found] == ([where] if where else [])

    @pytest.mark.options(SPAM_ALLOWED_LANGS=["fr"])
    @pytest.mark.parametrize(
        "text",
        [
            "Mankout a ra mirdioù Breizh e-barzh ar roll-mañ, ha re gozh eo ar roadennoù.",
            "Mancan los musèus d’Occitània dins aquesta lista, e las donadas son pas a jorn.",
            "Zerrenda honetan ez daude Ipar Euskal Herriko museoak eta datuak zaharrak dira.",
            "Mancanu i musei di Corsica ind’è sta lista, è i dati sò troppu vechji.",
            "D’Musée vum Elsàss fehle in dere Lìschte, un d’Date sìn nìt gànz richtig fer uns.",
            "Falten els museus de la Catalunya Nord en aquesta llista i les dades són velles.",
            "Ni mizé adan lis-lasa ka manké, épi sé chif-la pa bon pou Gwadloup menm.",
            "I mank bann mizé La Rényon dann lis-la, é bann shif lé pa bon pou nou.",
            "Der zyn vele museums in Frans-Vloandern die nie in de lyste stoan, en da is joammer.",
            "'Aita te mau fare manaha nō Tahiti i roto i teie tāpura, e mea maita'i ia tu'u mai.",
        ],
    )
    def test_a_regional_language_never_waits(self, text):
        assert text_checks.inspect(text) == []

    @pytest.mark.options(SPAM_ALLOWED_LANGS=["fr"])
    @pytest.mark.parametrize(
        "text",
        [
            "Mancano i musei della Corsica in questa lista e i dati sono troppo vecchi per noi.",
            "Compre medicamentos baratos en línea sin receta, envío gratis a todo el mundo.",
            "In dieser Liste fehlen die Museen des Elsass, und die Daten sind nicht aktuell.",
            "Koop nu goedkope horloges online, gratis verzending voor al onze klanten.",
        ],
    )
    def test_the_great_languages_that_they_resemble_wait(self, text):
        assert self.checks(text) == ["language"]

    @pytest.mark.options(SPAM_ALLOWED_LANGS=["fr"])
    def test_a_language_that_the_portal_does_not_speak_is_found(self):
        text = "These museums are missing from the list of the museums, which is a great pity."
        assert self.checks(text) == ["language"]
        assert self.checks("Ces musées manquent dans la liste des musées, quel dommage.") == []
