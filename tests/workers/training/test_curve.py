import json

import pytest
from defusedxml import ElementTree

pytest.importorskip("torch")

from workers.training.curve import Curve
from workers.training.development import Score
from workers.training.picture import draw, thinned
from workers.training.recipe import Stage3
from workers.training.schedules import rate_at

pytestmark = pytest.mark.torch


class TestCurve:
    def test_forgets_what_came_after_the_checkpoint(self, tmp_path):
        curve = Curve(tmp_path, done=0)
        for step in range(1, 6):
            curve.add_step(step, leg="training", loss=1 / step, rate=1e-5, tokens=10)
        (tmp_path / "curve.jsonl").open("a").write('{"step": 6, "lo')  # killed in the middle of a line
        assert [line["step"] for line in Curve(tmp_path, done=3).lines()] == [1, 2, 3]

    def test_draws_loss_and_score(self, tmp_path):
        curve = Curve(tmp_path, done=0)
        curve.add_step(1, leg="training", loss=0.5, rate=1e-5, tokens=10)
        curve.add_score(1, Score(average=42.0, intents={"QA": 42.0}, sets={"some": 42.0}))
        picture = ElementTree.fromstring((tmp_path / "curve.svg").read_text())
        titles = [element.text for element in picture.iter() if element.tag.endswith("title")]
        assert "42.00 at step 1" in titles
        assert json.loads((tmp_path / "curve.jsonl").read_text().splitlines()[1])["intents"] == {"QA": 42.0}


class TestPicture:
    def test_thins_a_long_run_to_means(self):
        points = [(step, float(step)) for step in range(1, 1001)]
        assert len(thinned(points)) <= 400
        assert thinned(points)[0] == (3, 2.0)
        assert thinned([]) == []

    def test_of_nothing_is_a_picture(self):
        assert draw([]).startswith("<svg")


class TestRate:
    def test_rises_over_the_warm_up_and_falls_to_nothing(self):
        stage = Stage3(learning_rate=1.0, batch=1, warmup=0.2)
        rates = [rate_at(step, stage, steps=10) for step in range(10)]
        assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
        assert rates[-1] == pytest.approx(1 / 8)
        assert rate_at(9, stage.model_copy(update={"schedule": "constant"}), steps=10) == 1.0
        assert rate_at(6, stage.model_copy(update={"schedule": "cosine"}), steps=10) == pytest.approx(0.5)
