"""The loader and the static parts it needs."""

from __future__ import annotations

import re

import brotli
import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.demo.opinions import sample_opinions
from udata_culture_feedback.embed import assets

from ..cases import P, PluginTestCase

#: What a reader on a slow line downloads before the first field can be used, compressed.
MAX_WEIGHT = 10 * 1024


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

    @pytest.mark.parametrize(("part", "kind"), [("css", "text/css"), ("forms", "text/javascript")])
    def test_it_asks_for_nothing_more_to_know_where_its_parts_are(self, part, kind):
        source = self.visit("GET", f"{P}/embed.js").text
        where = re.search(rf'"{part}": ?"([^"]+)"', source)
        assert where
        answer = self.visit("GET", f"{P}/{where[1]}")
        assert answer.status_code == 200
        assert answer.mimetype == kind
        assert "/* settings */" not in source

    @pytest.mark.options(
        CDATA_BASE_URL="https://portal.example",
        CORS_ALLOWED_ORIGINS=["https://theme.example", "https://a.example/</script>"],
    )
    def test_it_knows_which_sites_are_trusted_with_a_session(self):
        source = self.visit("GET", f"{P}/embed.js").text
        assert '"https://portal.example"' in source
        assert '"https://theme.example"' in source
        assert "</script" not in source

    @pytest.mark.parametrize("name", ["embed.js", "forms.js", "page.js"])
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
                self.visit("GET", f"{P}/embed.js").data,
                assets.content("widget.css"),
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

    def test_an_older_version_is_not_answered_with_another(self):
        assert self.visit("GET", f"{P}/static/0123456789abcdef/widget.css").status_code == 404

    @pytest.mark.parametrize(
        "name",
        ["../settings.py", "..%2fsettings.py", "settings.py", ".hidden.css", "%00.css", "a.css"],
    )
    def test_nothing_else_is_given(self, name):
        version = assets.version()
        assert self.visit("GET", f"{P}/static/{version}/{name}").status_code == 404
