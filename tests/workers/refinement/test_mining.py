import json
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from apps.retrievers.family import HASHING
from tests.workers.refinement.conftest import lines, wait_until
from workers.records import Triple, read_jsonl
from workers.refinement.__main__ import main
from workers.refinement.filtering import filter_by_agreement
from workers.refinement.mining import Miner, MiningSettings
from workers.refinement.rankings import RankedExamples, RankingSettings


class Planted:
    """Texts are where the test puts them: the angle to the query, in cosines."""

    revision = backend = "1"

    def __init__(self, cosines, *, name="planted"):
        self.card = replace(HASHING, name=name, dim=2)
        self._cosines = cosines

    def encode(self, texts):
        cosines = np.array([self._cosines.get(text, 0.0) for text in texts], np.float32)
        return np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1)


QUERY = {"query": 1.0}
COSINES = QUERY | {"answer": 0.8, "twin": 0.79, "near": 0.7, "far": 0.5, "farther": 0.3}


@pytest.fixture
def ranked(write, tmp_path):
    """Rank the planted texts for one example."""

    def ranked(*retrievers, example=None, corpus=("twin", "near", "far", "farther"), depth=10):
        example = {"query": "query", "pos": ["answer"], "neg": [], "intent": "QA"} | (example or {})
        settings = RankingSettings(
            examples=(write("examples.jsonl", [example]),),
            corpora=(write("corpus.jsonl", [{"_id": text, "text": text} for text in corpus]),),
            vectors=tmp_path / "vectors",
            depth=depth,
        )
        encoders = {f"r{number}": Planted(cosines, name=f"r{number}") for number, cosines in enumerate(retrievers)}
        return RankedExamples(tmp_path, settings, encoders=encoders)

    return ranked


@pytest.fixture
def mine(ranked, tmp_path):
    def mine(*retrievers, bands=((1, 9),), negatives=9, trust=0, given=0, **options):
        settings = MiningSettings(bands=bands, negatives=negatives, trust=trust, given=given)
        report = Miner(ranked(*retrievers, **options), settings).run()
        return lines(tmp_path / "level-1.jsonl"), report

    return mine


class TestRanking:
    def test_counts_only_what_is_not_positive(self, ranked):
        made = ranked(COSINES, example={"pos": ["answer", "near"]})
        ((_, (ranking,)),) = made.chunks()
        assert made.pool.texts(ranking.rows[0][:3]) == ["twin", "far", "farther"]
        assert ranking.positive_ranks(0).tolist() == [1, 2]  # "answer" leads, "twin" is before "near"
        assert ranking.positive_scores[0] == pytest.approx([0.8, 0.7])

    def test_leaves_out_the_query_itself_and_what_the_example_was_made_from(self, ranked):
        made = ranked(COSINES, example={"source": "twin"}, corpus=("query", "twin", "near"))
        ((_, (ranking,)),) = made.chunks()
        assert made.pool.texts(row for row in ranking.rows[0] if row >= 0) == ["near"]


class TestMiner:
    def test_takes_the_nearest_that_are_surely_wrong(self, mine):
        (line,), _ = mine(COSINES, negatives=2, bands=((1, 2),))
        assert line["neg"] == ["near", "far"]  # 0.95 · 0.8 = 0.76: the twin may be an answer
        assert line["neg_scores"] == pytest.approx([0.7, 0.5], abs=1e-5)
        assert line["pos_scores"] == pytest.approx([0.8], abs=1e-5)

    def test_carries_the_prompt_that_training_wants(self, mine):
        (line,), _ = mine(COSINES)
        assert line["prompt"].startswith("Given the question")

    def test_trusts_a_passage_only_if_every_teacher_does(self, mine):
        (line,), _ = mine(COSINES, COSINES | {"near": 0.9, "far": 0.6})
        assert line["neg"] == ["far", "farther"]
        assert line["neg_scores"] == pytest.approx([0.55, 0.3], abs=1e-5)

    def test_never_takes_a_positive_of_the_same_query_in_another_example(self, write, ranked, tmp_path):
        both = [{"query": "query", "pos": [text], "neg": [], "intent": "QA"} for text in ("answer", "far")]
        settings = replace(ranked(COSINES).settings, examples=(write("both.jsonl", both),))
        folder = tmp_path / "both"
        folder.mkdir()
        Miner(RankedExamples(folder, settings, encoders={"r": Planted(COSINES)}), MiningSettings(bands=((1, 9),))).run()
        assert [line["neg"] for line in lines(folder / "level-1.jsonl")] == [["near", "farther"], ["farther"]]

    @pytest.mark.parametrize(("kind", "negatives"), [("span", ["near"]), ("heading", ["near", "far"])])
    def test_never_takes_another_span_of_the_same_document(self, write, ranked, tmp_path, kind, negatives):
        pairs = [
            {"query": query, "pos": [text], "neg": [], "intent": "STS", "kind": kind, "source": "d"}
            for query, text in (("query", "answer"), ("another", "far"))
        ]
        settings = replace(ranked(COSINES).settings, examples=(write("pairs.jsonl", pairs),))
        settings = replace(settings, corpora=(write("corpus.jsonl", [{"_id": "near", "text": "near"}]),))
        folder = tmp_path / "pairs"
        folder.mkdir()
        Miner(RankedExamples(folder, settings, encoders={"r": Planted(COSINES)}), MiningSettings(bands=((1, 9),))).run()
        assert lines(folder / "level-1.jsonl")[0]["neg"] == negatives

    def test_never_takes_a_positive_that_was_not_agreed_on(self, mine):
        (line,), _ = mine(COSINES, example={"set_aside": ["far"]})
        assert line["neg"] == ["near", "farther"]

    def test_keeps_written_negatives_though_they_rank_low(self, mine):
        example = {"neg": ["farther"], "kind": "synthesis"}
        (line,), _ = mine(COSINES, example=example, negatives=2, bands=((1, 1),))
        assert line["neg"] == ["near", "farther"]

    def test_a_teacher_that_does_not_find_the_positive_has_no_say(self, mine):
        lost = COSINES | {"answer": 0.2}  # four passages stand before it
        (line,), _ = mine(COSINES, lost, negatives=2, bands=((1, 2),), trust=3)
        assert line["neg"] == ["near", "far"]  # the first teacher alone suspects the twin

    def test_where_all_are_lost_takes_given_and_random_ones_and_not_what_ranks_high(self, mine):
        lost = COSINES | {"answer": 0.2}
        corpus = ("twin", "near", "far", *map(str, range(2_000)))
        (line,), _ = mine(lost, example={"neg": ["far"]}, corpus=corpus, negatives=9, trust=3, given=1, depth=3)
        assert line["neg"][0] == "far"
        assert len([text for text in line["neg"] if text.isdigit()]) == 8

    def test_keeps_as_many_given_negatives_as_it_is_told(self, mine):
        example = {"neg": ["farther", "far"]}
        (line,), _ = mine(COSINES, example=example, negatives=2, bands=((1, 1),), given=1)
        assert line["neg"] == ["near", "farther"]

    def test_takes_weaker_ones_from_the_whole_pool_where_the_ranking_holds_none(self, mine):
        (line,), report = mine(COSINES | {"answer": 0.6}, depth=2)  # twin and near are suspect
        assert line["neg"] == ["far", "farther"]
        assert report["levels"]["level-1"]["kept"] == 1

    def test_drops_a_query_for_which_nothing_is_surely_wrong(self, mine, tmp_path):
        mined, report = mine(COSINES | {"answer": 0.1})
        assert mined == []
        assert report["levels"]["level-1"]["dropped: no passage is safely wrong"] == 1
        assert lines(tmp_path / "dropped.jsonl")[0]["reason"] == "no passage is safely wrong"


class TestAgreement:
    def test_keeps_what_two_of_three_find_good(self, ranked, tmp_path):
        blind = COSINES | {"answer": 0.4}
        report = filter_by_agreement(ranked(COSINES, COSINES, blind), top_k=1, min_agree=2)
        assert report["kept"] == 1
        assert report["found_good"] == {"r0": 1.0, "r1": 1.0, "r2": 0.0}
        assert len(list(read_jsonl(tmp_path / "agreed.jsonl", Triple))) == 1

    def test_tells_the_ranks_of_what_it_dropped(self, ranked, tmp_path):
        blind = COSINES | {"answer": 0.4}
        filter_by_agreement(ranked(COSINES, blind, blind), top_k=1, min_agree=2)
        (dropped,) = lines(tmp_path / "dropped.jsonl")
        assert dropped["ranks"] == {"r0": [1], "r1": [4], "r2": [4]}
        assert (tmp_path / "agreed.jsonl").read_text() == ""


WORDS = "levee boat school rain road fire shelter water bridge storm nurse truck".split()


def text_of(number):
    return " ".join(WORDS[(number * step + step) % len(WORDS)] for step in (1, 2, 3, 5, 7)) + f" case {number}"


@pytest.fixture
def files(write):
    return many(write, 300)


def many(write, count):
    """Write thirty examples and a corpus; return their place on the command line."""
    examples = [{"query": f"what of case {n}", "pos": [text_of(n)], "neg": []} for n in range(30)]
    corpus = [{"_id": str(number), "text": text_of(number)} for number in range(count)]
    return [str(write("QA_cases.jsonl", examples)), "--corpus", str(write("corpus.jsonl", corpus))]


class TestCommands:
    @pytest.fixture
    def run(self, files, tmp_path):
        def run(command, *options, out="run", status=0):
            places = ["--device", "cpu", "--vectors", str(tmp_path / "vectors"), "--out", str(tmp_path / out)]
            assert main([command, *files, "--retrievers", "hashing", *places, *options]) == status
            return tmp_path / out

        return run

    def test_mine_writes_a_training_file_a_level(self, run):
        out = run("mine")
        triples = [list(read_jsonl(out / f"level-{level}.jsonl", Triple)) for level in (1, 2, 3)]
        assert [len(level) for level in triples] == [10, 10, 10]
        assert all(len(triple.negatives) == 9 for level in triples for triple in level)
        report = json.loads((out / "report.json").read_text())
        spans = [level["difficulty"] for level in report["levels"].values()]
        assert spans == sorted(spans)

    def test_agree_reports_and_keeps(self, run, capsys):
        out = run("agree", "--top-k", "3", "--min-agree", "1")
        kept = json.loads((out / "report.json").read_text())["kept"]
        assert len(lines(out / "agreed.jsonl")) == kept > 0
        assert "found good" in capsys.readouterr().out

    def test_agree_refuses_more_votes_than_voters(self, run, capsys):
        run("agree", "--min-agree", "2", status=1)
        assert "--min-agree must be 1 to 1" in capsys.readouterr().err

    def test_the_report_tells_of_an_unfinished_run(self, run, capsys):
        out = run("mine")
        (out / "report.json").unlink()
        capsys.readouterr()
        assert main(["report", str(out)]) == 0
        assert "Not finished" in capsys.readouterr().out

    def test_goes_on_after_it_was_killed(self, write, tmp_path):
        vectors = tmp_path / "vectors"
        command = ["mine", *many(write, 6_000), "--retrievers", "hashing", "--device", "cpu", "--vectors", str(vectors)]
        arguments = [*command, "--out", str(tmp_path / "cut")]
        process = subprocess.Popen([sys.executable, "-m", "workers.refinement", *arguments], stderr=subprocess.DEVNULL)
        wait_until(lambda: any(path.stat().st_size for path in vectors.glob("*/keys")), seconds=60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "cut/report.json").exists()
        (keys,) = vectors.glob("*/keys")
        survived = keys.stat().st_size // 8
        assert 0 < survived < 6_000
        assert main(arguments) == 0
        assert keys.stat().st_size // 8 == 6_000  # nothing was embedded twice
        whole = tmp_path / "whole"
        assert main([*command, "--out", str(whole)]) == 0
        for level in (1, 2, 3):
            assert (tmp_path / f"cut/level-{level}.jsonl").read_text() == (whole / f"level-{level}.jsonl").read_text()
