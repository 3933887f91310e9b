"""The JSON API of feedback, as somebody outside uses it."""

from udata.core.user.factories import UserFactory

from ..cases import PluginTestCase, Producer


class SubmitTest(PluginTestCase):
    def test_an_answer_is_stored_and_shown(self):
        dataset = Producer().dataset
        camille = UserFactory(first_name="Camille", last_name="Martin")
        body = {
            "dataset": dataset.slug,
            "fitness": "partly",
            "ratings": {"completeness": 2, "update_frequency": 4},
            "comment": "Il manque les musées d'outre-mer.",
            "wants_answer": True,
            "usages": ["research"],
            "profile": "researcher",
        }
        response = self.ask("POST", "/feedback/", body, camille)
        assert response.status_code == 201, response.json
        feedback = response.json
        assert feedback["dataset"]["id"] == str(dataset.id)
        assert feedback["contributor"]["name"] == "Camille Martin"
        response = self.ask("GET", f"/feedback/?dataset={dataset.id}")
        assert response.status_code == 200, response.json
        print(response.json, response.headers)
        print(self.summary(dataset))
        print(self.summary(dataset.organization))
        print(self.summary())
        r = self.ask("GET", f"/pages/datasets/{dataset.slug}/")
        print(r.get_data(as_text=True), r.headers)
        r = self.ask("GET", f"/pages/datasets/{dataset.slug}/?as=fragment&edit=1", user=camille)
        print(r.get_data(as_text=True), r.headers)
        r = self.client.get("/api/1/discussions/")
        print(r.json)
        assert 0
