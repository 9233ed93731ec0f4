"""A model that somebody trained elsewhere: its folder alone is named, and it is checked, scored, indexed and searched by."""

import json
import shutil

import pytest

from apps.indexing import making, services
from apps.indexing.models import PassageVector
from apps.pages.queues import workers_heard_from
from apps.retrievers.intents import Intent
from apps.search.outcome import Asked
from apps.search.services import search
from tests.factories import PassageFactory, UserFactory
from tests.flows.conftest import wait_until
from tests.workers.encoders.conftest import SENTENCES, checkpoints, tiny_bert  # noqa: F401  (fixtures)
from workers.encoders.__main__ import main as encoders
from workers.evaluation.__main__ import main as evaluation

pytestmark = [pytest.mark.flow, pytest.mark.torch]
BACKEND = "torch-fp32"


@pytest.fixture
def folder(tiny_bert, tmp_path):  # noqa: F811
    """What sentence-transformers writes after training: its modules, and nothing of ours."""
    folder = tmp_path / "flood-bert"
    shutil.copytree(tiny_bert[1], folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 24}))
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {}}))
    return folder


@pytest.fixture
def collection(tmp_path):
    """Every sentence is asked for by itself."""
    folder = tmp_path / "sentences"
    (folder / "qrels").mkdir(parents=True)
    rows = [{"_id": str(number), "text": text} for number, text in enumerate(SENTENCES[:4])]
    (folder / "corpus.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    asked = [{**row, "metadata": {"intent": "STS"}} for row in rows]
    (folder / "queries.jsonl").write_text("\n".join(json.dumps(row) for row in asked))
    judged = "".join(f"{row['_id']}\t{row['_id']}\t1\n" for row in rows)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return folder


def test_a_folder_is_enough(folder, collection, start_worker, settings, tmp_path, capsys):
    engine = ["--device", "cpu", "--backend", BACKEND]
    assert encoders(["check", str(folder), *engine, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["known_by"]) == ("flood-bert", "what sentence-transformers wrote into it")

    kept = ["--folder", str(tmp_path / "kept"), "--json"]
    assert evaluation([str(collection), "--model", str(folder), *engine, *kept]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["model"], report["average"]) == ("flood-bert", 1.0)

    settings.QUERY_TIMEOUT_S = 30.0
    for text in SENTENCES[:4]:
        PassageFactory(text=text)
    index = making.make(making.plan(str(folder)), goes_live=True)
    for queue in ("embed", "query"):
        start_worker(queue, pool="threads", ENCODER_BACKEND=BACKEND, ENCODER_DEVICE="cpu")
    services.request_embedding_everywhere()
    wait_until(lambda: PassageVector.objects.filter(index=index).count() == 4)
    wait_until(lambda: any("query" in worker.queues for worker in workers_heard_from()))
    outcome = search(Asked(query=SENTENCES[1], intent=Intent.STS), user=UserFactory())
    assert (outcome.model, outcome.why_words) == ("flood-bert", "")
    assert outcome.hits[0].text == SENTENCES[1]
    assert any(way.arm == "dense" and way.rank == 1 for way in outcome.hits[0].ways)
