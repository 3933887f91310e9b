"""What is said month by month."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.app.recount import recount_everything
from udata_culture_feedback.feedback.trend import median
from udata_culture_feedback.portal.collections import now

from ..cases import PluginTestCase, Producer


class TrendTest(PluginTestCase):
    def trend(self, path: str, user: Any = None) -> Any:
        response = self.ask("GET", f"/{path}/trend/", user=user)
        assert response.status_code == 200, response.text
        return response.json

    def months(self, path: str) -> dict[str, Any]:
        return {month["month"]: month for month in self.trend(path)["months"]}

    def test_nothing_was_said(self):
        dataset = DatasetFactory()
        assert self.trend(f"datasets/{dataset.id}")["months"] == []

    def test_each_month_has_what_was_said_in_it(self):
        producer = Producer()
        with freeze_time("2026-01-15"):
            self.give(UserFactory(), producer.dataset, fitness="no", ratings={"completeness": 2})
            self.give(UserFactory(), producer.dataset, fitness="yes", ratings={"completeness": 5})
        with freeze_time("2026-03-02"):
            self.give(UserFactory(), producer.dataset, fitness="partly", comment="Il manque 2024.")
            for path in (
                f"datasets/{producer.dataset.id}",
                f"organizations/{producer.organization.id}",
                "site",
            ):
                months = self.months(path)
                assert list(months) == ["2026-01", "2026-02", "2026-03"]
                assert months["2026-01"]["fitness"] == {"yes": 1, "partly": 0, "no": 1}
                assert months["2026-01"]["axes"]["completeness"] == {"count": 2, "sum": 7}
                assert months["2026-02"]["fitness"] == {"yes": 0, "partly": 0, "no": 0}
                assert months["2026-03"]["commented"] == 1
                assert months["2026-01"]["commented"] == months["2026-03"]["answered"] == 0

    def test_answers_count_in_the_month_they_were_given_with_a_median_from_five_on(self):
        producer = Producer()
        given = []
        with freeze_time("2026-01-30"):
            for number in range(5):
                comment = f"Il manque l’année {2000 + number}."
                given.append(self.give(UserFactory(), producer.dataset, comment=comment))
        path = f"datasets/{producer.dataset.id}"
        for number, feedback in enumerate(given):
            with freeze_time("2026-02-03"):
                body = {"status": "planned", "answer": "Bientôt."}
                where = f"/feedback/{feedback['id']}/treatment/"
                assert self.ask("PUT", where, body, producer.admin).status_code == 200
                february = self.months(path)["2026-02"]
                assert february["answered"] == number + 1
                assert february["median_days"] == (4 if number == 4 else None)
        assert self.months(path)["2026-01"]["commented"] == 5

    def test_what_is_erased_leaves_and_a_recount_finds_nothing_wrong(self):
        dataset, author = DatasetFactory(), UserFactory()
        feedback = self.give(author, dataset, ratings={"completeness": 4})
        assert self.ask("DELETE", f"/feedback/{feedback['id']}/", user=author).status_code == 204
        assert self.trend(f"datasets/{dataset.id}")["months"] == []
        self.give(author, dataset, fitness="no")
        assert not [wrong for _id, wrong in recount_everything(check=True) if wrong]

    def test_a_change_of_the_data_is_an_event(self):
        dataset = DatasetFactory()
        self.give(UserFactory(), dataset)
        events = self.trend(f"datasets/{dataset.id}")["events"]
        assert [event["kind"] for event in events] == ["data_update"]
        assert events[0]["label"]
        assert events[0]["at"].endswith("+00:00")

    def test_private_datasets_have_none_for_others(self):
        producer = Producer(private=True)
        path = f"/datasets/{producer.dataset.id}/trend/"
        assert self.ask("GET", path).status_code == 404
        assert self.ask("GET", path, user=producer.admin).status_code == 200

    def test_it_is_a_file_too(self):
        dataset = DatasetFactory()
        self.give(UserFactory(), dataset, fitness="no", ratings={"completeness": 1})
        answer = self.ask("GET", f"/datasets/{dataset.id}/trend.csv", buffered=True)
        header, row = answer.text.splitlines()[:2]
        said = dict(zip(header.split(";"), row.split(";"), strict=True))
        assert said['"month"'] == f'"{now():%Y-%m}"'
        assert said['"fitness.no"'] == said['"count.completeness"'] == "1"

    def test_months_without_anything_are_there_up_to_today(self):
        dataset = DatasetFactory()
        with freeze_time(now() - timedelta(days=800)):
            self.give(UserFactory(), dataset)
        months = list(self.months(f"datasets/{dataset.id}"))
        assert len(months) in (27, 28)
        assert months == sorted(months)


def test_the_median_is_the_lower_one_and_needs_five():
    assert median({1: 2, 9: 2}) is None
    assert median({1: 3, 9: 3}) == 1
    assert median({0: 1, 2: 1, 30: 3}) == 30
