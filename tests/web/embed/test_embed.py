"""The loader and the static parts it needs."""

from __future__ import annotations

import gzip
import re

import brotli
import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory

from demo.opinions import sample_opinions
from udata_culture_feedback.web.embed import assets

from ...cases import P, PluginTestCase

#: What a reader on a slow line downloads before the first field can be used, compressed.
MAX_WEIGHT = 10 * 1024

#: A text, template or regular expression of a script, from its first mark to its last.
LITERAL = re.compile(
    r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"""
    r"|(?:(?<=return )|(?<=[(=:]))/(?![/*])(?:\\.|\[[^\]\n]*\]|[^/\\\n\[])+/"
)


class LoaderTest(PluginTestCase):
    def test_the_loader_is_one_script_kept_for_five_minutes(self):
        answer = self.visit("GET", f"{P}/embed.js")
        assert answer.status_code == 200
        assert answer.mimetype == "text/javascript"
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        again = self.visit(
            "GET", f"{P}/embed.js", headers={"If-None-Match": answer.headers["ETag"]}
        )
        assert again.status_code == 304

    @pytest.mark.parametrize(
        ("part", "kind"),
        [("widget.css", "text/css"), ("forms.css", "text/css"), ("forms.js", "text/javascript"),
         ("sending.js", "text/javascript"), ("around.js", "text/javascript")],
    )  # fmt: skip
    def test_it_asks_for_nothing_more_to_know_where_its_parts_are(self, part, kind):
        source = self.visit("GET", f"{P}/embed.js").text
        version = re.search(r'"version":"(\w+)"', source)
        assert version
        assert f'asset("{part}")' in source
        answer = self.visit("GET", f"{P}/static/{version[1]}/{part}")
        assert answer.status_code == 200
        assert answer.mimetype == kind
        assert "settings */" not in source

    @pytest.mark.options(
        CDATA_BASE_URL="https://portal.example",
        CORS_ALLOWED_ORIGINS=["https://theme.example", "https://a.example/</script>"],
    )
    def test_it_knows_which_sites_are_trusted_with_a_session(self):
        source = self.visit("GET", f"{P}/embed.js").text
        assert '"https://portal.example"' in source
        assert '"https://theme.example"' in source
        assert "</script" not in source

    @pytest.mark.parametrize("name", ["embed.js", "sending.js", "around.js", "forms.js", "page.js"])
    def test_it_writes_no_style_and_runs_no_text(self, name):
        source = assets.content(name).decode()
        assert not re.search(r"\.style\b|eval\(|new Function|document\.write|\bvar\b", source)

    def test_the_widget_weighs_little_until_its_first_field(self):
        dataset = DatasetFactory(title="Fréquentation des musées de France")
        for opinion in [o for o in sample_opinions() if o.comment][:6]:
            self.give(
                UserFactory(), dataset, comment=opinion.comment, fitness=opinion.fitness,
                ratings=dict(opinion.ratings), wants_answer=opinion.wants_answer,
            )  # fmt: skip
        page = f"{P}/pages/datasets/{dataset.id}/?as=fragment&lang=fr"
        weights = [
            len(brotli.compress(part))
            for part in (
                self.visit("GET", f"{P}/embed.js").data,  # with the style
                self.visit("GET", page, headers={"X-API-KEY": self.key_of(UserFactory())}).data,
            )
        ]
        assert sum(weights) <= MAX_WEIGHT, weights


class StaticPartsTest(PluginTestCase):
    def test_a_part_finds_another_beside_it(self):
        """Modules import each other by their names alone."""
        with self.app.test_request_context():
            page, forms = assets.address("page.js"), assets.address("forms.js")
        assert page.rpartition("/")[0] == forms.rpartition("/")[0]
        for name in re.findall(r'import\("\./([^"]+)"\)', assets.content("page.js").decode()):
            assert assets.content(name), name

    @pytest.mark.parametrize("name", ["widget.css", "page.css", "embed.js", "forms.js"])
    def test_a_part_is_kept_for_ever_under_the_address_of_its_content(self, name):
        with self.app.test_request_context():
            address = assets.address(name)
        answer = self.visit("GET", address)
        assert answer.data == assets.content(name)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Set-Cookie" not in answer.headers

    @pytest.mark.parametrize("name", sorted(p.name for p in assets.STATIC.glob("*.js")))
    def test_what_is_served_still_says_every_text_of_the_source(self, name):
        written = (assets.STATIC / name).read_text("utf-8")
        served = assets.content(name).decode()
        code = re.sub(r"^\s*//[^\n]*$|/\*.*?\*/", "", written, flags=re.MULTILINE | re.DOTALL)
        texts = [found for found in LITERAL.findall(code) if found[0] == '"']
        assert texts
        for text in texts:
            assert text in served

    def test_an_older_version_is_not_answered_with_another(self):
        assert self.visit("GET", f"{P}/static/0123456789abcdef/widget.css").status_code == 404

    @pytest.mark.parametrize(
        "name",
        ["../settings.py", "..%2fsettings.py", "settings.py", ".hidden.css", "%00.css", "a.css"],
    )
    def test_nothing_else_is_given(self, name):
        version = assets.version()
        assert self.visit("GET", f"{P}/static/{version}/{name}").status_code == 404


class CompressionTest(PluginTestCase):
    """Edges often send what udata gives as it is."""

    def read(self, path, accepted, **headers):
        return self.visit("GET", path, headers={"Accept-Encoding": accepted, **headers})

    def paths(self):
        dataset = DatasetFactory()
        with self.app.test_request_context():
            part = assets.address("widget.css")
        return [f"{P}/embed.js", part, f"{P}/pages/datasets/{dataset.id}/?as=fragment"]

    @pytest.mark.parametrize(
        ("accepted", "coding"),
        [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip"),
         ("identity", None), ("", None)],
    )  # fmt: skip
    def test_each_browser_gets_what_it_takes(self, accepted, coding):
        opened = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
        for path in self.paths():
            answer = self.read(path, accepted)
            assert answer.headers.get("Content-Encoding") == coding, path
            assert "Accept-Encoding" in answer.headers["Vary"]
            plain = self.read(path, "identity").data
            # Ids of forms differ from one answer to the next.
            assert opened(answer.data)[:200] == plain[:200]

    def test_what_a_browser_has_is_not_sent_again(self):
        for path in self.paths()[:2]:
            etag = self.read(path, "br").headers["ETag"]
            again = self.read(path, "br", **{"If-None-Match": etag})
            assert again.status_code == 304
            assert not again.data

    def test_what_is_somebodys_own_is_not_compressed(self):
        """Its length could tell what is in it, to who can have something written into it."""
        dataset = DatasetFactory()
        key = {"X-API-KEY": self.key_of(UserFactory())}
        answer = self.read(f"{P}/pages/datasets/{dataset.id}/?as=fragment", "br", **key)
        assert "Content-Encoding" not in answer.headers
        assert answer.headers["Cache-Control"] == "private, no-cache"


class SameForAllTest(PluginTestCase):
    def test_the_loader_and_its_parts_know_nobody(self):
        """Whoever asks, by whatever: one copy at the edge, and no cookie."""
        user = UserFactory()
        with self.app.test_request_context():
            part = assets.address("widget.css")
        client = self.app.test_client()
        with client.session_transaction() as session:
            session |= {"_user_id": user.fs_uniquifier, "_fresh": True}
            session.permanent = True  # such a one is renewed by each answer
        for path in (f"{P}/embed.js", part):
            bodies = set()
            for who in ({"X-API-KEY": self.key_of(user)}, {"Authorization": "Bearer x"}, {}):
                for by in (client, None):
                    answer = self.visit("GET", path, client=by, headers=who)
                    assert answer.status_code == 200
                    assert "Set-Cookie" not in answer.headers
                    assert set(answer.vary) <= {"Origin", "Accept-Encoding"}
                    bodies.add(answer.data)
            assert len(bodies) == 1


class OriginsTest(PluginTestCase):
    """What a page of another site may do in the name of who visits it: nothing."""

    SOMEWHERE = "https://somewhere.example"

    @pytest.mark.options(CORS_ALLOWED_ORIGINS=["https://theme.example"])
    @pytest.mark.parametrize("origin", [SOMEWHERE, "null", "https://theme.example.org"])
    def test_it_reads_only_what_anybody_reads(self, origin):
        dataset = DatasetFactory()
        for path in (
            f"pages/datasets/{dataset.id}/?as=fragment",
            f"summaries/?dataset={dataset.id}",
            "pages/dashboard/me/?as=fragment",
            "pages/moderation/?as=fragment",
        ):
            answer = self.visit("GET", f"{P}/{path}", headers={"Origin": origin})
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "Origin" in answer.headers["Vary"]

    @pytest.mark.options(CORS_ALLOWED_ORIGINS=["https://theme.example"])
    def test_it_may_not_send_a_form_with_a_session(self):
        """Our header makes the browser ask first, and the answer is no to credentials."""
        dataset = DatasetFactory()
        path = f"{P}/pages/datasets/{dataset.id}/"
        asking = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-culture-feedback",
        }
        for origin, trusted in ((self.SOMEWHERE, None), ("https://theme.example", "true")):
            answer = self.visit("OPTIONS", path, headers={"Origin": origin, **asking})
            assert answer.headers.get("Access-Control-Allow-Credentials") == trusted
        # Without it, a form of any page can be sent, and is refused.
        refused = self.visit(
            "POST", path, data={"fitness": "yes"}, headers={"Origin": self.SOMEWHERE}
        )
        assert refused.status_code in (401, 403)
        assert self.summary(dataset)["total"] == 0
