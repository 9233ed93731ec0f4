from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from pydantic import BaseModel

from tests.workers.refinement.conftest import completion
from workers.refinement.budgets import Budget, BudgetSpent, Prices, Usage
from workers.refinement.generators import (
    AnswerRejected,
    ChatEndpoint,
    ChatSettings,
    EndpointBusy,
    EndpointRefused,
    _asked_pause,
    ask,
)

QUESTION = [{"role": "user", "content": "Which levee failed?"}]


class Levee(BaseModel):
    name: str
    metres: int = 0


@pytest.fixture
def budget():
    return Budget()


@pytest.fixture
def endpoint(chat, budget):
    settings = ChatSettings(
        url=chat.url, model="m", api_key="secret", timeout_s=0.5, attempts=3, pause_s=0.01, most_tokens=50
    )
    return ChatEndpoint(settings, budget)


class TestChatEndpoint:
    def test_asks_for_json_from_the_model_with_key_and_seed(self, chat, endpoint):
        chat.answer = lambda _request: "north"
        assert endpoint.complete(QUESTION, seed=7).text == "north"
        (request,) = chat.requests
        assert request["path"] == "/v1/chat/completions"
        assert request["key"] == "Bearer secret"
        assert (request["model"], request["seed"], request["max_tokens"]) == ("m", 7, 50)
        assert request["response_format"] == {"type": "json_object"}

    def test_never_shows_the_key(self, chat):
        assert "secret" not in repr(ChatSettings(url=chat.url, model="m", api_key="secret"))

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_tries_again_when_the_server_is_busy(self, chat, endpoint, status):
        chat.mischief = [(status, "later", {}), (status, "later", {})]
        chat.answer = lambda _request: "north"
        assert endpoint.complete(QUESTION, seed=7).text == "north"
        assert len(chat.requests) == 3

    def test_gives_up_after_the_last_attempt(self, chat, endpoint):
        chat.mischief = [(500, "no", {})] * 3
        with pytest.raises(EndpointBusy, match="500"):
            endpoint.complete(QUESTION, seed=7)

    def test_waits_as_long_as_it_is_asked_to(self, chat, endpoint, monkeypatch):
        slept = []
        monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)
        chat.mischief = [(429, "", {"Retry-After": "37"}), (429, "", {"Retry-After": "99999"})]
        endpoint.complete(QUESTION, seed=7)
        assert slept == [37.0, 300.0]  # never longer than five minutes

    def test_reads_a_pause_that_is_a_date(self):
        until = datetime.now(UTC) + timedelta(seconds=90)
        headers = httpx2.Headers({"Retry-After": format_datetime(until, usegmt=True)})
        assert 85 < _asked_pause(headers) <= 90

    def test_takes_nonsense_for_no_pause(self):
        assert _asked_pause(httpx2.Headers({"Retry-After": "soon"})) is None

    @pytest.mark.parametrize("trouble", ["hang", "drip"])
    def test_tries_again_when_the_server_does_not_come_to_an_end(self, chat, endpoint, trouble):
        chat.mischief = [trouble]
        chat.answer = lambda _request: "north"
        assert endpoint.complete(QUESTION, seed=7).text == "north"

    def test_tries_again_when_the_answer_breaks_off(self, chat, endpoint):
        chat.mischief = [(200, completion("north")[:40], {}), (200, '{"choices": []}', {}), (200, "[]", {})]
        with pytest.raises(EndpointBusy):
            endpoint.complete(QUESTION, seed=7)
        assert len(chat.requests) == 3

    def test_is_busy_where_nobody_listens(self, budget):
        settings = ChatSettings(url="http://127.0.0.1:9/v1", model="m", attempts=2, pause_s=0.01)
        with pytest.raises(EndpointBusy, match="no answer"):
            ChatEndpoint(settings, budget).complete(QUESTION, seed=7)

    @pytest.mark.parametrize("status", [400, 401, 404])
    def test_does_not_repeat_what_the_server_will_never_take(self, chat, endpoint, status):
        chat.mischief = [(status, "unknown model", {})]
        with pytest.raises(EndpointRefused, match="unknown model"):
            endpoint.complete(QUESTION, seed=7)
        assert len(chat.requests) == 1

    def test_counts_what_was_used(self, chat, endpoint, budget):
        endpoint.complete(QUESTION, seed=7)
        assert budget.spent == Usage(100, 20)


class TestBudget:
    def test_is_not_overdrawn_by_calls_made_at_once(self):
        budget = Budget(tokens=100)
        with budget.holding(Usage(40, 20)), pytest.raises(BudgetSpent), budget.holding(Usage(40, 20)):
            pass
        with budget.holding(Usage(40, 60)):
            pass

    def test_counts_money_by_the_million_tokens(self):
        budget = Budget(cost=1.0, prices=Prices(prompt=2.0, completion=10.0))
        budget.add(Usage(prompt=250_000, completion=40_000))  # 0.50 + 0.40
        with budget.holding(Usage(prompt=0, completion=10_000)):
            pass
        with pytest.raises(BudgetSpent), budget.holding(Usage(prompt=0, completion=10_001)):
            pass

    def test_stops_a_call_before_it_is_made(self, chat):
        endpoint = ChatEndpoint(ChatSettings(url=chat.url, model="m"), Budget(tokens=500))
        with pytest.raises(BudgetSpent):
            endpoint.complete(QUESTION, seed=7)
        assert chat.requests == []


class TestAsk:
    def test_reads_an_object_in_a_fence_with_keys_too_many(self, chat, endpoint):
        chat.answer = lambda _request: '```json\n{"name": "north", "mood": "calm"}\n```'
        assert ask(endpoint, QUESTION, Levee, seed=7) == Levee(name="north")

    def test_lets_the_model_put_it_right_once(self, chat, endpoint):
        answers = iter(['{"name": "nor', '{"name": "north"}'])
        chat.answer = lambda _request: next(answers)
        assert ask(endpoint, QUESTION, Levee, seed=7).name == "north"
        repair = chat.requests[1]["messages"]
        assert repair[1] == {"role": "assistant", "content": '{"name": "nor'}
        assert "not a JSON object" in repair[2]["content"]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("I would rather not.", "not a JSON object"),
            ("{}", "name: Field required"),
            ('{"name": 7}', "name: Input should be a valid string"),
            ('{"name": "north", "metres": "7"}', "metres: Input should be a valid integer"),
        ],
    )
    def test_rejects_what_is_wrong_twice(self, chat, endpoint, text, reason):
        chat.answer = lambda _request: text
        with pytest.raises(AnswerRejected, match=reason):
            ask(endpoint, QUESTION, Levee, seed=7)
        assert len(chat.requests) == 2

    def test_does_not_argue_with_a_refusal(self, chat, endpoint):
        chat.mischief = [(200, completion(None, refusal="I cannot help with that."), {})]
        with pytest.raises(AnswerRejected, match="refused"):
            ask(endpoint, QUESTION, Levee, seed=7)
        assert len(chat.requests) == 1
