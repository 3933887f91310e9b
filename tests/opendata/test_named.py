"""What rows name of the portal, and the order in which they come."""

from __future__ import annotations

from datetime import datetime

import pytest
from bson import ObjectId
from pymongo import monitoring
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory

from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.opendata import named
from udata_culture_feedback.opendata.named import Datasets, Named
from udata_culture_feedback.opendata.tables import SENT, shuffled

from ..cases import CommandCounter, PluginTestCase

COMMANDS = CommandCounter()
monitoring.register(COMMANDS)


class NamedTest(PluginTestCase):
    def test_a_public_dataset_is_named_with_who_publishes_it(self):
        museum = OrganizationFactory(name="Musée de Bretagne")
        dataset = DatasetFactory(title="Fréquentation", organization=museum)
        alone = DatasetFactory(title="Seul")
        assert Datasets().about([dataset.id, alone.id, dataset.id]) == [
            (
                found := (
                    Named(str(dataset.id), "Fréquentation"),
                    Named(str(museum.id), museum.name),
                )
            ),
            (Named(str(alone.id), "Seul"), None),
            found,
        ]

    def test_nothing_is_named_of_a_dataset_that_is_not_public(self):
        owner = OrganizationFactory()
        private = DatasetFactory(private=True, organization=owner)
        deleted = DatasetFactory(deleted=datetime(2026, 1, 1), organization=owner)
        unknown = ObjectId()
        for _time in range(2):
            found = Datasets().about([private.id, deleted.id, unknown])
            assert found == [(None, None)] * 3

    def test_an_organization_that_is_gone_is_not_named(self):
        gone = OrganizationFactory(deleted=datetime(2026, 1, 1))
        dataset = DatasetFactory(organization=gone)
        [(_dataset, owner)] = Datasets().about([dataset.id])
        assert owner is None

    def test_what_is_known_is_not_asked_again(self):
        museum = OrganizationFactory()
        first, second = (DatasetFactory(organization=museum) for _ in range(2))
        datasets = Datasets()
        for ids, commands in (([first.id] * 3, 2), ([first.id], 0), ([first.id, second.id], 1)):
            with COMMANDS.count() as asked:
                datasets.about(ids)
            assert len(asked) == commands

    def test_what_has_become_private_is_named_no_more_after_some_rows(self):
        dataset = DatasetFactory()
        datasets = Datasets()
        datasets.about([dataset.id])
        dataset.private = True
        dataset.save()
        datasets.about([dataset.id] * named.ROWS_REMEMBERED)
        assert datasets.about([dataset.id]) == [(None, None)]


class ShuffledTest(PluginTestCase):
    @pytest.mark.parametrize("most", [True, False])
    def test_each_document_comes_once_in_another_order_each_time(self, most: bool):
        some = list(range(SENT + 50))
        feedbacks().insert_many(
            {"_id": n, "fitness": "yes", "contributor": {"key": str(n)}} for n in some
        )
        where = {"_id": {"$gte": 0}}
        orders = [
            [one["_id"] for one in shuffled(feedbacks(), where, ["fitness"], most=most)]
            for _time in range(2)
        ]
        assert [sorted(order) for order in orders] == [some, some]
        assert orders[0] != orders[1]
        assert some not in orders
