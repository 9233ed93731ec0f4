import json
from dataclasses import replace

import pytest

pytest.importorskip("torch")

from apps.retrievers.intents import Intent
from tests.workers.training.conftest import SUBJECTS, recipe
from workers.evaluation.beir import read_beir
from workers.records import Triple, write_jsonl
from workers.refinement.examples import Example, read_examples
from workers.training.__main__ import main
from workers.training.adapting import NOT_BETTER, _choice
from workers.training.material import TooLittle, part_of, prepare, require_enough, write_collection
from workers.training.stages import run_stage
from workers.training.verdict import Choice, Line, Verdict, judge

pytestmark = pytest.mark.torch


def pair(document, *, kind="title", number=0):
    told = f"{document}.{number}" if number else str(document)
    triple = Triple(query=f"title {told}", intent=Intent.QADOC, positives=(f"body {told}",))
    return Example(id=f"d{document}/{kind}/{number}", triple=triple, source=f"d{document}", kind=kind)


class TestPrepare:
    def test_keeps_training_choice_and_test_apart_by_document(self, tmp_path):
        write_jsonl(tmp_path / "pairs.jsonl", [pair(n, kind=kind) for n in range(300) for kind in ("title", "span")])
        found = prepare(tmp_path / "pairs.jsonl", tmp_path, judged=None)
        trained = {example.source for example in read_examples(found.training)}
        asked = [{query.id.split("/")[0] for query in read_beir(path).queries} for path in found.test]
        chosen = [{query.id.split("/")[0] for query in read_beir(path).queries} for path in found.development]
        assert [path.name for path in found.test] == ["span", "title"]
        assert not trained & (asked[0] | chosen[0])
        assert not asked[0] & chosen[0]
        assert asked[0] == asked[1] == {f"d{n}" for n in range(300) if part_of(f"d{n}") == "test"}
        assert len(read_beir(found.test[0]).passages) == 300

    def test_keeps_the_events_of_an_episode_together(self, tmp_path):
        events = [replace(pair(n, kind="event"), episode=f"episode-{n // 4}") for n in range(200)]
        write_jsonl(tmp_path / "pairs.jsonl", events)
        found = prepare(tmp_path / "pairs.jsonl", tmp_path, judged=None)
        trained = {example.episode for example in read_examples(found.training)}
        judging = {f"episode-{int(query.id.split('/')[0][1:]) // 4}" for query in read_beir(found.test[0]).queries}
        assert trained
        assert judging
        assert not trained & judging

    def test_counts_each_span_of_a_document_as_an_answer_for_they_may_overlap(self, tmp_path):
        write_jsonl(
            tmp_path / "pairs.jsonl",
            [pair(n, kind=kind, number=number) for n in range(40) for kind in ("heading", "span") for number in (0, 1)],
        )
        found = prepare(tmp_path / "pairs.jsonl", tmp_path, judged=None)
        answers = {path.name: {len(grades) for grades in read_beir(path).qrels.values()} for path in found.test}
        assert answers == {"heading": {1}, "span": {2}}

    def test_lets_judged_questions_teach_or_judge_but_never_both(self, tmp_path):
        write_jsonl(tmp_path / "pairs.jsonl", map(pair, range(300)))
        queries = {f"q{n}": (f"question {n}", "QA") for n in range(40)}
        corpus = [(f"p{n}", "", f"answer {n}") for n in range(40)]
        grades = [(f"q{n}", f"p{n}", 3) for n in range(40)] + [(f"q{n}", f"p{(n + 1) % 40}", 0) for n in range(40)]
        write_collection(tmp_path / "given", corpus=corpus, queries=queries, qrels=grades)
        found = prepare(tmp_path / "pairs.jsonl", tmp_path, judged=tmp_path / "given")
        taught = {each.triple.query: each.triple for each in read_examples([found.training[-1]])}
        judging = {query.text for query in read_beir(found.test[-1]).queries}
        assert taught.keys() | judging == {text for text, _ in queries.values()}
        assert taught
        assert judging
        assert not taught.keys() & judging
        number = int(next(iter(taught)).split()[1])
        assert taught[f"question {number}"].positives == (f"answer {number}",)
        assert taught[f"question {number}"].negatives == (f"answer {(number + 1) % 40}",)

    def test_says_what_a_small_corpus_lacks(self, tmp_path):
        write_jsonl(tmp_path / "pairs.jsonl", map(pair, range(30)))
        found = prepare(tmp_path / "pairs.jsonl", tmp_path, judged=None)
        with pytest.raises(TooLittle, match="Add documents with titles"):
            require_enough(found)


class TestVerdict:
    @staticmethod
    def line(before, after, *, better=0.5, worse=0.5, queries=100):
        return Line(before=before, after=after, queries=queries, low=0.0, high=0.0, p_better=better, p_worse=worse)

    def test_takes_what_is_better_beyond_luck_and_worse_at_nothing(self):
        gain = self.line(40, 44, better=0.01)
        assert Verdict({"QA": gain}, gain).is_better
        assert not Verdict({"QA": self.line(40, 44, better=0.2)}, self.line(40, 44, better=0.2)).is_better
        harmed = Verdict({"QA": gain, "STS": self.line(80, 70, worse=0.001)}, gain)
        assert not harmed.is_better
        assert "worse at STS" in harmed.reason
        assert Verdict({"QA": gain, "STS": self.line(80, 70, worse=0.001, queries=5)}, gain).is_better

    def test_does_not_take_the_luck_of_a_test_for_learning(self):
        gain = self.line(2.9, 6.4, better=0.03)
        lucky = Verdict({"STS": gain}, gain, Choice(3.5, 3.5))
        assert not lucky.is_better
        assert "none found more than the old model (3.5 before, 3.5 after)" in lucky.reason
        assert Verdict({"STS": gain}, gain, Choice(3.5, 3.6)).is_better


class TestChoice:
    def test_asks_the_old_model_in_its_own_way(self, uninstructed, examples, collection, tmp_path):
        stage = {"data": [examples], "learning_rate": 1e-9, "batch": 8, "group": 3}
        told = {"model": {"instructions": True}, "development": {"sets": [str(collection)], "every": 100}}
        trained = recipe(uninstructed, tmp_path, stage3=stage, **told)
        folder = run_stage("stage3", trained).parent
        report = json.loads((folder / "report.json").read_text())
        choice = _choice(trained, report)
        in_its_own_way = judge(str(uninstructed), str(uninstructed), collections=[collection], folder=tmp_path)
        assert choice.before == pytest.approx(in_its_own_way.overall.before, abs=0.01)
        assert choice.before > report["start"]["average"]  # instructed, a tiny model reads nothing else
        assert choice.after == report["last"]["average"]


class TestAdapt:
    def test_makes_a_better_model_of_a_corpus_and_refuses_one_that_learned_nothing(self, bert, tmp_path, capsys):
        documents = tmp_path / "documents.jsonl"
        documents.write_text("".join(json.dumps(document(number)) + "\n" for number in range(260)))
        dials = [
            "stage3.learning_rate=3e-3", "stage3.epochs=5", "stage3.batch=16", "stage3.temperature=0.1", "stage3.guard=0", "stage3.soup=[]",
            "model.precision=fp32", "model.instructions=false", "development.every=50", "development.queries=60",
        ]  # fmt: skip
        command = ["adapt", str(documents), "--model", str(bert), "--name", "ours"]
        options = [option for dial in dials for option in ("--set", dial)]
        assert main([*command, "--out", str(tmp_path / "out"), *options]) == 0
        report = json.loads((tmp_path / "out" / "report.json").read_text())
        assert report["better"]
        assert report["overall"]["after"] > report["overall"]["before"]
        assert report["intents"]["QAdoc"]["better"]
        assert capsys.readouterr().out.strip().endswith("worse for no intent.")
        idle = ["--set", "stage3.learning_rate=1e-12", "--set", "model.instructions=true"]
        assert main([*command, "--out", str(tmp_path / "idle"), *options, *idle]) == NOT_BETTER
        assert "none found more than the old model" in capsys.readouterr().out

    def test_refuses_a_model_that_cannot_be_trained_before_anything_is_done(self, tmp_path, capsys):
        command = ["adapt", str(tmp_path / "documents.jsonl"), "--name", "ours", "--out", str(tmp_path / "out")]
        assert main([*command, "--model", "Qwen3-Embedding-0.6B"]) == 1
        assert "from an end mark" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


def document(number):
    subject, other = SUBJECTS[number % 8], SUBJECTS[number // 8 % 8]
    text = f"{other} {number} {subject} " + "the north levee failed at noon and water reached the village before " * 2
    return {"_id": f"d{number}", "title": f"{subject} {number} {other}", "text": f"{text}tonight."}
