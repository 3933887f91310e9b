from tests.feedback.test_queries import *
class ProbeTest(PluginTestCase):
    def test_probe(self):
        producer=Producer(); fill(producer.dataset, 10)
        self.give(UserFactory(), producer.dataset, comment="x")
        c=self.app.test_client()
        for p in (f"/feedback/?dataset={producer.dataset.id}",):
            self.visit("GET", P+p, c)
            with RECORDER.count() as cmds:
                RECORDER.full=[]
                self.visit("GET", P+p, c)
            for f in RECORDER.full: print(f.get("find") or f.get("aggregate"), str(f.get("filter"))[:150])
            assert 0
