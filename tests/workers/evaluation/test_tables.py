import json
from dataclasses import replace

import pytest

from apps.retrievers.intents import Intent
from workers.evaluation import report
from workers.evaluation.evaluate import Evaluation, Results
from workers.evaluation.metrics import MEASURES
from workers.evaluation.tables import AVERAGE, Cell, Row, intent_rows, label, leaderboard, not_compared, set_rows

DENSE = {"model": "DMRetriever-33M", "card": "DMRetriever-33M", "instructions": "on", "documents": "split"}
DENSE_LABEL = "DMRetriever-33M dense, instructions on"


def bm25(scores, *, name="set", intent=Intent.QA):
    return evaluation(scores, name=name, intent=intent, retrieval="lexical", system={"model": "BM25"})


def dense(scores, *, name="set", intent=Intent.QA):
    return evaluation(scores, name=name, intent=intent, retrieval="dense", system=DENSE)


def evaluation(scores, *, name, intent, retrieval, system):
    return Evaluation(
        set=name,
        digest="d",
        retrieval=retrieval,
        system=system,
        tasks={f"q{number}": (intent, "") for number in range(len(scores))},
        scores={f"q{number}": dict.fromkeys(MEASURES, score) for number, score in enumerate(scores)},
        took_s=0.0,
    )


class TestLabel:
    def test_tells_systems_apart(self):
        assert label(bm25([1.0])) == "BM25"
        assert label(dense([1.0])) == DENSE_LABEL

    def test_says_when_documents_were_truncated(self):
        system = DENSE | {"documents": "truncated", "fusion": "ranks"}
        cut_short = evaluation([1.0], name="s", intent=Intent.QA, retrieval="hybrid", system=system)
        assert label(cut_short) == "DMRetriever-33M hybrid, instructions on, truncated, ranks fused"


class TestSetRows:
    def test_has_a_column_a_set(self):
        rows = set_rows([bm25([0.5, 0.25], name="a"), bm25([1.0], name="b")], baseline="")
        assert rows[0].cells == {"a": Cell(score=37.5), "b": Cell(score=100.0)}

    def test_marks_what_beats_the_baseline_significantly(self):
        theirs = [0.1 * number for number in range(8)]
        rows = set_rows([bm25(theirs), dense([score + 0.1 for score in theirs])], baseline="BM25")
        assert [row.cells["set"].significant for row in rows] == [False, True]
        assert rows[1].cells["set"].comparison.difference == pytest.approx(0.1)

    def test_marks_nothing_on_too_few_queries(self):
        """With four queries even four wins have one chance in sixteen."""
        rows = set_rows([bm25([0.1] * 4), dense([0.5, 0.6, 0.7, 0.8])], baseline="BM25")
        assert not rows[1].cells["set"].significant

    def test_compares_systems_on_the_sets_that_all_have(self):
        rows = set_rows([bm25([1.0], name="a"), bm25([1.0], name="b"), dense([1.0], name="b")], baseline="BM25")
        assert [list(row.cells) for row in rows] == [["b"], ["b"]]

    def test_shows_of_two_revisions_the_newest(self):
        old, new = (
            replace(
                dense([score]), system=DENSE | {"revision": revision}, origin={"at": f"2026-11-{day}T09:00:00+00:00"}
            )
            for score, revision, day in ((0.9, "a", "01"), (0.2, "b", "20"))
        )
        for evaluations in ([old, new], [new, old]):
            (row,) = set_rows(evaluations, baseline="BM25")
            assert row.cells["set"].score == pytest.approx(20)

    def test_compares_nothing_over_different_versions_of_a_set(self):
        theirs, ours = [bm25([0.1] * 9), bm25([0.1] * 9, name="b")], [dense([0.5] * 8), dense([0.5] * 9, name="b")]
        ours[0] = replace(ours[0], digest="another")
        row = set_rows([*theirs, *ours], baseline="BM25")[1]
        assert [cell.comparison is None for cell in row.cells.values()] == [False, True]
        by_intent = intent_rows([*theirs, *ours], baseline="BM25")[1]
        assert by_intent.cells["QA"].comparison.queries == 9
        told = not_compared([*theirs, *ours], baseline="BM25")
        assert told == [f"{DENSE_LABEL} on set: measured on another version of it than BM25, so not compared."]


class TestIntentRows:
    def test_sets_weigh_the_same_within_an_intent_and_intents_in_the_average(self):
        rows = intent_rows(
            [
                bm25([0.0, 0.0, 0.0, 0.4], name="a"),
                bm25([0.3], name="b"),
                bm25([0.8], name="c", intent=Intent.STS),
            ],
            baseline="BM25",
        )
        assert rows[0].cells["QA"].score == pytest.approx((10 + 30) / 2)
        assert rows[0].cells[AVERAGE].score == pytest.approx((20 + 80) / 2)

    def test_tests_an_intent_on_the_queries_of_all_its_sets(self):
        """Four wins a set are too few; the eight of both are enough."""
        losing, winning = [0.1] * 4, [0.5, 0.6, 0.7, 0.8]
        rows = intent_rows(
            [bm25(losing, name="a"), bm25(losing, name="b"), dense(winning, name="a"), dense(winning, name="b")],
            baseline="BM25",
        )
        assert rows[1].cells["QA"].significant

    def test_does_not_compare_the_baseline_with_itself(self):
        (row,) = intent_rows([bm25([0.5] * 9)], baseline="BM25")
        assert row.cells["QA"].comparison is None

    def test_marks_nothing_without_a_baseline(self):
        (row,) = intent_rows([dense([1.0] * 9)], baseline="BM25")
        assert not row.cells["QA"].significant


class TestLeaderboard:
    def test_puts_our_run_among_the_published_of_its_size(self):
        ours = [dense([0.6], name="DisastIR-Test"), dense([0.9], name="another set")]
        for intent in set(Intent) - {Intent.QA}:
            ours[0].tasks[f"more-{intent}"] = (intent, "")
            ours[0].scores[f"more-{intent}"] = dict.fromkeys(MEASURES, 0.6)
        rows = leaderboard(ours, baseline="BM25")
        place = next(number for number, row in enumerate(rows) if row.figures == "measured")
        assert rows[place].system == DENSE_LABEL
        assert rows[place].cells[AVERAGE].score == pytest.approx(60)
        assert rows[place - 1].system == "DMRetriever-109M"  # 59.97
        assert len(rows) == 36

    def test_shows_the_published_table_where_we_have_run_nothing(self):
        rows = leaderboard([], baseline="BM25")
        assert {row.figures for row in rows} == {"published"}
        assert rows[-1].system == "DMRetriever-7.6B"
        assert rows[-1].cells["STS"] == Cell(score=78.36, significant=True)


class TestReport:
    def test_draws_markdown_with_daggers_and_the_best_in_bold(self):
        rows = [
            Row(system="BM25", figures="measured", size_class="", cells={"QA": Cell(score=50.0)}),
            Row(
                system="ours",
                figures="measured",
                size_class="small",
                cells={"QA": Cell(score=61.234, significant=True)},
            ),
        ]
        assert report.markdown(rows).splitlines() == [
            "| system | size | figures | QA |",
            "| --- | --- | --- | --- |",
            "| BM25 | – | measured | 50.00 |",
            "| ours | small | measured | **61.23†** |",
        ]

    def test_says_which_published_cells_were_corrected(self, tmp_path, capsys):
        assert report.main([str(tmp_path), "--leaderboard"]) == 0
        assert "68.00 (later 67.57)" in capsys.readouterr().out

    def test_prints_both_tables_of_a_folder_of_results(self, tmp_path, capsys):
        for found in (bm25([0.25]), dense([0.5])):
            Results(tmp_path).save(found)
        report.main([str(tmp_path)])
        by_set, by_intent = capsys.readouterr().out.split("\n\n")
        assert "| set | **50.00** | 25.00 |" in by_set
        assert "| BM25 | – | measured | 25.00 | 25.00 |" in by_intent

    def test_prints_json(self, tmp_path, capsys):
        Results(tmp_path).save(bm25([0.25]))
        report.main([str(tmp_path), "--json"])
        by_set, _by_intent = json.loads(capsys.readouterr().out)
        cell = by_set[0]["cells"]["set"]
        assert (cell["score"], cell["significant"], cell["comparison"]) == (25.0, False, None)

    def test_shows_by_how_much_a_system_gains(self, tmp_path, capsys):
        for found in (bm25([0.25, 0.25]), dense([0.5, 0.5])):
            Results(tmp_path).save(found)
        report.main([str(tmp_path), "--intervals"])
        assert "**50.00** (+25.0 … +25.0)" in capsys.readouterr().out

    def test_says_what_it_does_not_compare(self, tmp_path, capsys):
        for found in (bm25([0.1] * 9), replace(dense([0.5] * 8), digest="another")):
            Results(tmp_path).save(found)
        assert report.main([str(tmp_path)]) == 0
        said = capsys.readouterr()
        assert f"{DENSE_LABEL} on set: measured on another version" in said.err
        assert "**50.00** |" in said.out

    def test_marks_what_beats_the_newest_baseline(self):
        at = [{"at": f"2026-11-{day}T09:00:00+00:00"} for day in ("20", "01", "02")]
        baselines = [replace(bm25([score] * 9), origin=made) for score, made in zip((0.9, 0.1), at, strict=False)]
        told = report.runs([*baselines, replace(dense([0.5] * 9), origin=at[2])], baseline="BM25")
        assert next(run for run in told if run["label"] == DENSE_LABEL)["significant"] == []

    def test_says_so_where_the_baseline_is_not_there(self, tmp_path, capsys):
        Results(tmp_path).save(bm25([0.25]))
        assert report.main([str(tmp_path), "--baseline", "BM26"]) == 1
        assert capsys.readouterr().err == "Nothing was measured of 'BM26'. There are: BM25.\n"

    def test_prints_each_run_with_its_origin_and_what_it_beats(self, tmp_path, capsys):
        for found in (bm25([0.1] * 9), dense([0.5] * 9)):
            Results(tmp_path).save(found)
        report.main([str(tmp_path), "--runs"])
        runs = {run["label"]: run for run in json.loads(capsys.readouterr().out)}
        assert runs["BM25"]["significant"] == []
        assert runs[DENSE_LABEL]["significant"] == ["QA", AVERAGE]
        assert runs[DENSE_LABEL]["intents"]["QA"]["queries"] == 9
        assert runs[DENSE_LABEL]["origin"]["at"]  # the file's own time, where nothing else tells

    def test_names_what_went_through_the_index(self):
        alone = dense([0.5])
        through = replace(alone, system={**alone.system, "search": "index"})
        assert label(through) == f"{DENSE_LABEL}, through the index"
        assert through.summary()["search"] == "index"
