import pytest

from apps.retrievers.intents import Intent
from workers.evaluation.collection import Collection
from workers.evaluation.dense import DenseRetrieval
from workers.evaluation.evaluate import Evaluation, Results, evaluate
from workers.evaluation.lexical import LexicalRetrieval
from workers.evaluation.metrics import MEASURES
from workers.records import Qrel


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path / "results")


def evaluation_of(scores, tasks):
    return Evaluation(
        set="made-up",
        digest="d",
        retrieval="dense",
        system={"model": "m"},
        tasks=tasks,
        scores={query_id: dict.fromkeys(MEASURES, score) for query_id, score in scores.items()},
        took_s=1.26,
    )


class TestEvaluate:
    def test_scores_every_query_and_returns_the_rankings(self, encoder, store, floods):
        evaluation, rankings = evaluate(floods, DenseRetrieval(encoder, store))
        # The question that is itself a passage shares as many words and is shorter: rank two.
        assert evaluation.scores["q-levee"]["ndcg@10"] == pytest.approx(0.6309, abs=1e-4)
        assert evaluation.scores["q-twin"]["mrr@10"] == 1.0
        assert rankings.keys() == evaluation.scores.keys()


class TestSummary:
    def test_averages_queries_then_events_then_intents(self):
        tasks = {
            "a": (Intent.QA, "Bio"),
            "b": (Intent.QA, "Bio"),
            "c": (Intent.QA, "Geo"),
            "d": (Intent.STS, "Bio"),
        }
        summary = evaluation_of({"a": 0.0, "b": 1.0, "c": 1.0, "d": 0.25}, tasks).summary()
        assert summary["intents"]["QA"]["ndcg@10"] == pytest.approx(0.75)
        assert summary["average"] == pytest.approx((0.75 + 0.25) / 2)

    def test_has_the_keys_that_readers_of_the_report_rely_on(self):
        summary = evaluation_of({"a": 0.5}, {"a": (Intent.QA, "")}).summary()
        assert {"set", "model", "retrieval", "search", "intents", "average", "took_s"} <= summary.keys()
        assert {"ndcg@10", "mrr@10", "recall@10", "recall@100", "queries"} <= summary["intents"]["QA"].keys()
        assert summary["intents"]["QA"]["queries"] == 1


class TestResults:
    def test_finds_again_what_it_saved(self, results, floods):
        retrieval = LexicalRetrieval()
        evaluation, _ = evaluate(floods, retrieval)
        results.save(evaluation)
        found = results.find(floods, retrieval)
        assert found.scores == evaluation.scores
        assert found.tasks == evaluation.tasks
        assert results.all() == [found]

    def test_forgets_it_when_a_judgment_has_changed(self, results, floods):
        results.save(evaluate(floods, LexicalRetrieval())[0])
        judgments = [Qrel(query_id="q-levee", passage_id="boats", grade=1)]
        changed = Collection.build("floods", passages=floods.passages, queries=floods.queries, judgments=judgments)
        assert results.find(changed, LexicalRetrieval()) is None

    def test_keeps_systems_apart(self, results, encoder, store, floods, split_at):
        plain = DenseRetrieval(encoder, store)
        results.save(evaluate(floods, plain)[0])
        assert results.find(floods, DenseRetrieval(encoder, store, instructions="on")) is None
        assert results.find(floods, DenseRetrieval(encoder, store, splitter=split_at(" "))) is None
        assert results.find(floods, plain) is not None
