import pytest

from tests.workers.refinement.conftest import LONG, lines
from workers.records import Passage
from workers.refinement.__main__ import main
from workers.refinement.duplicates import judge

WORDS = LONG.split()


def judged(*texts, threshold=0.8):
    passages = [Passage(id=str(number), text=text) for number, text in enumerate(texts)]
    return [each.duplicate_of for each in judge(passages, threshold=threshold)]


class TestJudge:
    def test_finds_what_repeats_an_earlier_passage_but_for_a_few_words(self):
        assert judged(LONG, f"{LONG} Really.", LONG.upper()) == ["", "0", "0"]

    def test_lets_passages_stand_that_share_their_beginning(self):
        other = " ".join([*WORDS[:12], *"but the bridge to the hospital held and traffic went on all day".split()])
        assert judged(LONG, other) == ["", ""]

    def test_finds_less_alike_ones_at_a_lower_threshold(self):
        changed = LONG.replace("school", "church").replace("night", "day")
        assert judged(LONG, changed) == ["", ""]
        assert judged(LONG, changed, threshold=0.4) == ["", "0"]

    def test_takes_passages_of_a_word_or_none(self):
        assert judged("Flood", "Fire", "flood", "", "") == ["", "", "0", "", "3"]

    def test_refuses_two_passages_of_one_id(self):
        with pytest.raises(ValueError, match="Two passages"):
            list(
                judge(
                    [Passage(id="1", text=LONG), Passage(id="1", text="Something else altogether happened.")],
                    threshold=0.8,
                )
            )


class TestDedupeCommand:
    def test_writes_what_stays_and_what_it_repeats(self, write, tmp_path):
        path = write("p.jsonl", [{"_id": "a", "text": LONG}, {"_id": "b", "text": f"{LONG} Really."}])
        assert main(["dedupe", str(path), "--out", str(tmp_path / "run")]) == 0
        assert [line["_id"] for line in lines(tmp_path / "run/unique.jsonl")] == ["a"]
        (dropped,) = lines(tmp_path / "run/duplicates.jsonl")
        assert (dropped["_id"], dropped["duplicate_of"]) == ("b", "a")
        assert dropped["likeness"] > 0.8
