import json

import pytest

mteb = pytest.importorskip("mteb", reason="mteb is not installed (requirements/mteb.txt): only MTEB itself needs it")

from apps.retrievers.intents import Intent, instruct
from workers.evaluation.dense import DenseRetrieval
from workers.evaluation.disastir import read_disastir
from workers.evaluation.evaluate import evaluate
from workers.evaluation.mteb_objects import DISASTIR_TASKS, EVENTS, MODELS, FamilyEncoder, intent_of

pytestmark = pytest.mark.filterwarnings("ignore")  # other people's


@pytest.fixture
def folder(write, tmp_path):
    texts = [f"{word} {n}" for word in ("levee", "boil", "ash") for n in range(8)]
    write("dev/corpus.jsonl", [{"corpus_id": n, "text": text} for n, text in enumerate(texts)])
    for number, event in enumerate(EVENTS):
        queries = [{"query_id": n, "user_query": f"{word} {number}"} for n, word in enumerate(("levee", "boil"))]
        judged = [
            {"user_query": query["user_query"], "passage": texts[(5 * number + 7 * n) % 24], "score": n % 4}
            for query in queries
            for n in range(10)
        ]
        write(f"dev/query/QA_{event}.json", json.dumps(queries))
        write(f"dev/qrels/QA_{event}_qrels.json", json.dumps(judged))
    return tmp_path / "dev"


class TestTasks:
    def test_score_what_our_own_evaluation_scores(self, folder, encoder, store, tmp_path):
        model = FamilyEncoder("hashing")
        result = mteb.evaluate(
            model,
            DISASTIR_TASKS[Intent.QA](folder),
            cache=None,
            encode_kwargs={"batch_size": 8},
            show_progress_bar=False,
        )
        ours, _ = evaluate(read_disastir(folder), DenseRetrieval(encoder, store))
        assert 0.1 < ours.average < 0.99
        assert result.task_results[0].get_score() == pytest.approx(ours.average, abs=1e-4)

    def test_there_is_one_an_intent_with_an_event_a_subset(self):
        assert {task.metadata.name for task in DISASTIR_TASKS.values()} == {f"DisastIR{intent}" for intent in Intent}
        assert DISASTIR_TASKS[Intent.NLI].metadata.hf_subsets == list(EVENTS)


class TestModels:
    def test_every_released_size_is_there(self):
        assert {meta.name for meta in MODELS.values()} == {
            f"DMIR01/DMRetriever-{size}" for size in ("33M", "109M", "335M", "596M", "4B", "7.6B")
        }
        assert MODELS["DMRetriever-4B"].embed_dim == 2560

    @pytest.mark.parametrize(
        ("task", "intent"),
        [("ClimateFEVER", Intent.FACTCHECK), ("TRECCOVID", Intent.QA), ("BIOSSES", Intent.STS), ("STS12", Intent.STS)],
    )
    def test_ask_with_the_instruction_that_suits_a_task_of_mtebs_own(self, task, intent):
        assert intent_of(mteb.get_task(task).metadata) == intent

    def test_instruct_queries_and_never_passages(self, monkeypatch):
        asked = []
        model = FamilyEncoder("hashing")
        model._encoder = Recorder(asked)
        task = DISASTIR_TASKS[Intent.FACTCHECK].metadata
        model.encode([{"text": ["ash is safe"]}], task_metadata=task, prompt_type=mteb.types.PromptType.query)
        model.encode([{"text": ["ash is safe"]}], task_metadata=task, prompt_type=mteb.types.PromptType.document)
        assert asked == [instruct("ash is safe", Intent.FACTCHECK), "ash is safe"]


class Recorder:
    def __init__(self, asked):
        from apps.retrievers.family import get_card

        self.card = get_card("DMRetriever-33M")
        self._asked = asked

    def encode(self, texts):
        self._asked += texts
