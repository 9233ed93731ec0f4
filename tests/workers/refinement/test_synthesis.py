import json
import signal
import subprocess
import sys
import time

import pytest

from apps.retrievers.intents import Intent
from tests.workers.refinement.conftest import LONG, answer_as_asked, lines, wait_until
from workers.records import Triple, read_jsonl
from workers.refinement.__main__ import UNFINISHED, main
from workers.refinement.budgets import Budget, Prices, Usage
from workers.refinement.estimates import estimate
from workers.refinement.generators import ChatEndpoint, ChatSettings
from workers.refinement.sampling import PassageSample
from workers.refinement.synthesis import Synthesis, jobs_of
from workers.refinement.writing import Plan

PLAN = Plan(intents=(Intent.QA, Intent.NLI), seed=3)


@pytest.fixture
def synthesize(chat, passages, tmp_path):
    """Run a synthesis of twelve jobs; returns why it stopped and the synthesis."""

    def synthesize(*, budget=None, concurrency=4, attempts=2):
        settings = ChatSettings(url=chat.url, model="m", timeout_s=2, attempts=attempts, pause_s=0.01, most_tokens=50)
        budget = budget or Budget()
        endpoint = ChatEndpoint(settings, budget)
        synthesis = Synthesis(tmp_path, PLAN, generator=endpoint, budget=budget)
        return synthesis.run(passages, total=12, concurrency=concurrency), synthesis

    return synthesize


class TestSynthesis:
    def test_writes_triples_that_training_reads(self, synthesize, tmp_path):
        assert synthesize()[0] == ""
        triples = list(read_jsonl(tmp_path / "examples.jsonl", Triple))
        assert sorted(triple.intent for triple in triples) == ["NLI"] * 6 + ["QA"] * 6

    def test_asks_no_more_at_once_than_it_may(self, chat, synthesize):
        def slowly(request):
            time.sleep(0.03)
            return answer_as_asked(request)

        chat.answer = slowly
        synthesize(concurrency=3)
        assert 1 < chat.most_at_once <= 3

    def test_does_nothing_twice(self, chat, synthesize):
        synthesize()
        asked = len(chat.requests)
        stopped, synthesis = synthesize()
        assert (stopped, len(chat.requests)) == ("", asked)
        assert synthesis.counts == {("QA", "kept"): 6, ("NLI", "kept"): 6}

    def test_keeps_what_was_dropped_with_the_reason(self, chat, synthesize, tmp_path):
        def refuse_entailment(request):
            asked = request["messages"][1]["content"]
            return "I would rather not." if "hypothesis" in asked else answer_as_asked(request)

        chat.answer = refuse_entailment
        stopped, synthesis = synthesize()
        assert stopped == ""
        assert synthesis.counts["NLI", "not a JSON object"] == 6
        assert {line["reason"] for line in lines(tmp_path / "dropped.jsonl")} == {"not a JSON object"}
        assert lines(tmp_path / "dropped.jsonl")[0]["usage"] == {
            "prompt": 200,
            "completion": 40,
        }  # asked, and asked to put it right

    def test_keeps_a_query_once(self, chat, synthesize):
        chat.answer = lambda request: answer_as_asked(request | {"seed": 1})
        _, synthesis = synthesize()
        assert synthesis.counts["QA", "kept"] == 1
        assert synthesis.counts["QA", "the query stands already"] == 5

    def test_tries_again_next_time_what_got_no_answer(self, chat, synthesize, tmp_path):
        chat.mischief = [(500, "", {})] * 2
        stopped, _ = synthesize(concurrency=1)
        assert len(lines(tmp_path / "examples.jsonl")) == 11
        stopped, synthesis = synthesize()
        assert stopped == ""
        assert synthesis.counts["QA", "kept"] == 6

    def test_gets_through_a_server_that_misbehaves_in_every_way(self, chat, synthesize, tmp_path):
        chat.mischief = [
            (429, "", {"Retry-After": "0"}), (500, "", {}), (200, '{"choi', {}), "hang",
            (200, json.dumps({"choices": [{"message": {"content": None, "refusal": "No."}}]}), {}),
        ]  # fmt: skip
        assert synthesize(attempts=5)[0] == ""
        assert len(lines(tmp_path / "examples.jsonl")) == 11
        assert [line["reason"] for line in lines(tmp_path / "dropped.jsonl")] == ["the model refused"]

    def test_stops_before_the_budget_is_overdrawn_and_goes_on_with_a_larger_one(self, synthesize, tmp_path):
        budget = Budget(tokens=1_500)
        stopped, _ = synthesize(budget=budget)
        assert "tokens are spent" in stopped
        assert budget.spent.tokens <= 1_500
        written = len(lines(tmp_path / "examples.jsonl"))
        assert 0 < written < 12
        richer = Budget()
        stopped, _ = synthesize(budget=richer)
        assert stopped == ""
        assert len(lines(tmp_path / "examples.jsonl")) == 12
        assert richer.spent.tokens >= 12 * 2 * 120  # what the first run used is counted

    def test_stops_when_the_key_is_wrong(self, chat, synthesize):
        chat.mischief = [(401, "wrong key", {})] * 12
        stopped, _ = synthesize(concurrency=2)
        assert "wrong key" in stopped
        assert len(chat.requests) == 2

    def test_stops_when_the_server_stays_silent(self, chat, synthesize, monkeypatch):
        monkeypatch.setattr("workers.refinement.synthesis._SILENT_JOBS", 3)
        chat.mischief = [(503, "", {})] * 99
        stopped, _ = synthesize(concurrency=1)
        assert "503" in stopped
        assert len(chat.requests) == 6  # three jobs, two attempts each


class TestEstimate:
    def test_is_near_to_what_is_then_asked(self, chat, passages, synthesize):
        expected = estimate(jobs_of(passages, PLAN), PLAN, count=12, prices=Prices(prompt=1.0), concurrency=4)
        synthesize()
        asked = sum(len(message["content"]) for request in chat.requests for message in request["messages"]) / 3.5
        assert expected.usage.prompt == pytest.approx(asked, rel=0.15)
        assert expected.cost == pytest.approx(expected.usage.prompt / 1e6)
        assert expected.seconds == pytest.approx((24 + expected.usage.completion / 40) / 4)

    def test_extrapolates_from_a_sample(self, passages):
        few = estimate(jobs_of(passages, PLAN), PLAN, count=12, prices=Prices(), concurrency=1)
        many = estimate(jobs_of(passages, PLAN), PLAN, count=1200, prices=Prices(), concurrency=1)
        assert many.usage == Usage(few.usage.prompt * 100, few.usage.completion * 100)


class TestPassageSample:
    @pytest.fixture
    def path(self, write):
        return write(
            "passages.jsonl",
            [{"_id": str(number), "text": LONG} for number in range(50)] + [{"_id": "x", "text": "Short."}],
        )

    def test_draws_the_same_passages_for_the_same_seed(self, path):
        drawn = [[passage.id for passage in PassageSample([path], size=10, seed=seed)] for seed in (1, 1, 2)]
        assert len(drawn[0]) == 10
        assert drawn[0] == drawn[1] != drawn[2]

    def test_leaves_out_what_is_too_short_to_ask_about(self, path):
        sample = PassageSample([path])
        assert (len(sample), sample.too_short) == (50, 1)


class TestSynthesizeCommand:
    @pytest.fixture
    def arguments(self, chat, write, passages, tmp_path):
        path = write("passages.jsonl", [passage.to_json() for passage in passages])
        return [
            "synthesize", str(path), "--endpoint", chat.url, "--model", "m", "--intents", "QA", "STS",
            "--out", str(tmp_path / "run"), "--concurrency", "2",
        ]  # fmt: skip

    def test_says_what_it_would_take_and_asks_nothing(self, chat, arguments, capsys, tmp_path):
        assert main([*arguments, "--estimate", "--completion-price", "10"]) == 0
        assert "12 examples in 24 calls" in capsys.readouterr().out
        assert chat.requests == []
        assert not (tmp_path / "run").exists()

    def test_reports_what_became_of_every_job(self, arguments, capsys, tmp_path):
        assert main(arguments) == 0
        report = json.loads((tmp_path / "run/report.json").read_text())
        assert report["outcomes"] == {"QA": {"kept": 6}, "STS": {"kept": 6}}
        assert report["tokens"] == {"prompt": 2400, "completion": 480}
        assert "kept: 12" in capsys.readouterr().out

    def test_tells_by_its_exit_that_it_is_not_finished(self, arguments):
        assert main([*arguments, "--budget-tokens", "3000"]) == UNFINISHED
        assert main(arguments) == 0

    def test_goes_on_after_it_was_killed(self, chat, arguments, tmp_path):
        quick = iter(range(9))

        def slow_after_a_while(request):
            if next(quick, None) is None:
                wait_until(lambda: killed, seconds=30)
            return answer_as_asked(request)

        killed = []
        chat.answer = slow_after_a_while
        process = subprocess.Popen([sys.executable, "-m", "workers.refinement", *arguments], stderr=subprocess.DEVNULL)
        wait_until(lambda: len(chat.requests) > 10, seconds=60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed.append(process)
        before = lines(tmp_path / "run/examples.jsonl")
        assert 0 < len(before) < 12
        with (tmp_path / "run/examples.jsonl").open("a") as file:
            file.write('{"id": "p5/STS/0", "qu')  # and it may have been in the middle of a line
        chat.requests.clear()
        assert main(arguments) == 0
        after = lines(tmp_path / "run/examples.jsonl")
        assert after[: len(before)] == before
        assert len({line["id"] for line in after}) == len(after) == 12
        assert len(chat.requests) == 2 * (12 - len(before))
