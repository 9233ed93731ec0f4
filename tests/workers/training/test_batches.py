from collections import Counter

from apps.retrievers.intents import Intent
from workers.records import Triple
from workers.training.batches import BatchPlan, cut_full, line_batches, mixed
from workers.training.sources import Source


def source(name, count, intent=Intent.QA):
    triples = [Triple(query=f"{name} {number}", intent=intent, positives=("yes",)) for number in range(count)]
    return Source(name, "digest", tuple(triples))


def plan(**changes):
    settings = {"size": 4, "devices": 1, "epochs": 1, "one_source": True, "source_limit": 0, "weights": {}, "seed": 0}
    return BatchPlan(**{**settings, **changes})


def names(batch):
    return {triple.query.split()[0] for triple in batch}


class TestBatchPlan:
    def test_takes_every_batch_from_one_source(self):
        batches = plan().batches([source("a", 9), source("b", 7)])
        assert all(len(names(batch)) == 1 and len(batch) == 4 for batch in batches)
        assert {triple.query for batch in batches for triple in batch} == {
            *(f"a {number}" for number in range(9)),
            *(f"b {number}" for number in range(7)),
        }

    def test_mixes_sources_where_that_is_asked_for(self):
        batches = plan(one_source=False).batches([source("a", 40), source("b", 40)])
        assert any(len(names(batch)) == 2 for batch in batches)

    def test_is_the_same_for_the_same_seed_and_another_for_each_epoch(self):
        sources = [source("a", 30)]
        assert plan(epochs=2).batches(sources) == plan(epochs=2).batches(sources)
        first, second = plan(epochs=2, size=30).batches(sources)
        assert first != second
        assert plan(seed=1).batches(sources) != plan().batches(sources)

    def test_weighs_intents_and_limits_sources(self):
        sources = [source("a", 10), source("b", 10, Intent.STS)]
        counts = Counter(
            triple.query.split()[0]
            for batch in plan(size=1, weights={Intent.STS: 2.0, Intent.QA: 0.0}).batches(sources)
            for triple in batch
        )
        assert counts == {"b": 20}
        assert len(plan(size=1, source_limit=3).batches(sources)) == 6


class TestCutFull:
    def test_gives_every_device_its_share(self):
        assert cut_full(range(5), size=4, devices=2) == [[0, 1, 2, 3], [4, 0, 1, 2]]
        assert cut_full(range(3), size=4, devices=2) == [[0, 1]]
        assert cut_full(range(1), size=4, devices=2) == []


class TestMixed:
    def test_strews_the_share_in(self):
        result = mixed([("new",)] * 8, [("old",)], share=0.2, seed=0)
        assert Counter(result) == {("new",): 8, ("old",): 2}


class TestLineBatches:
    def test_reads_every_line_in_every_epoch(self):
        batches = line_batches(list("abcdef"), size=3, devices=1, epochs=2, seed=0)
        assert [sorted(batches[0] + batches[1]), sorted(batches[2] + batches[3])] == [list("abcdef")] * 2
