import pytest

from apps.accounts.models import User
from apps.experiments import leaderboard
from apps.experiments.chart import draw
from apps.experiments.leaderboard import Cell, Row
from apps.experiments.models import Run

ADMIN = User(role=User.Role.ADMIN)


def row(system, *, figures="measured", **scores):
    cells = {name: Cell(score=score) for name, score in scores.items()}
    return Row(system=system, figures=figures, cells={"average": Cell(score=50), **cells})


@pytest.mark.django_db
class TestRows:
    def test_of_the_published_set_have_the_authors_figures(self):
        rows = {row.system: row for row in leaderboard.rows_of("DisastIR-Test", user=ADMIN)}
        ours = rows["DMRetriever-33M"]
        assert ours.figures == "published"
        assert ours.cells["QA"] == Cell(score=62.47, significant=True)
        assert ours.cells["STS"] == Cell(score=68.00, corrected=67.57)

    def test_of_ours_stand_in_their_size_class(self, report):
        Run.objects.record(report())
        rows = leaderboard.rows_of("DisastIR-Test", user=ADMIN)
        measured = next(row for row in rows if row.figures == "measured")
        classes = [row.size_class for row in rows]
        assert classes == sorted(classes, key=leaderboard.SIZE_CLASSES.index)
        assert measured.size_class == "small"
        assert measured.cells["QA"] == Cell(score=pytest.approx(60), significant=True)
        assert "NLI" not in measured.cells

    def test_of_another_set_are_ours_alone(self, report):
        Run.objects.record(report(set="floods"))
        assert [row.figures for row in leaderboard.rows_of("floods", user=ADMIN)] == ["measured"]
        assert leaderboard.sets(user=ADMIN) == ["DisastIR-Test", "floods"]


class TestSorting:
    rows = [row("beta", QA=10.0), row("Alpha", QA=30.0), row("gamma")]

    def names(self, **how):
        return [row.system for row in leaderboard.sort(self.rows, **how)]

    def test_by_a_score_puts_rows_without_one_last_either_way(self):
        assert self.names(by="QA", descending=True) == ["Alpha", "beta", "gamma"]
        assert self.names(by="QA", descending=False) == ["beta", "Alpha", "gamma"]

    def test_by_name_does_not_mind_capitals(self):
        assert self.names(by="system", descending=False) == ["Alpha", "beta", "gamma"]

    def test_by_what_is_no_column_changes_nothing(self):
        assert self.names(by="'; DROP", descending=True) == ["beta", "Alpha", "gamma"]


class TestMarkdown:
    def test_marks_the_best_the_significant_and_the_corrected(self):
        first = Row(
            system="A|B",
            figures="published",
            size="33M",
            size_class="small",
            cells={"QA": Cell(score=62.5, significant=True, corrected=61.0), "average": Cell(score=40)},
        )
        text = leaderboard.markdown(leaderboard.mark_best([first, row("ours", QA=50.0)]), name="floods")
        assert "| A\\|B | 33M | published | **62.50†** (later 61.00) | – |" in text
        assert "| ours | – | measured | 50.00 | – |" in text
        assert text.splitlines()[2].count("|") == text.splitlines()[3].count("|")

    def test_has_a_json_twin(self):
        data = leaderboard.to_json([row("ours", QA=50.0)], name="floods")
        assert data["unit"] == "percent"
        assert data["rows"][0]["scores"] == {"average": 50, "QA": 50.0}


class TestChart:
    def test_places_scores_on_one_scale_from_0_to_100(self):
        chart = draw([row("a", QA=0.0, STS=100.0)])
        (qa,), (sts,) = (line.dots for line in chart.lines)
        assert (qa.x, sts.x) == (chart.ticks[0].x, chart.ticks[-1].x)
        assert qa.y < sts.y

    def test_leaves_out_intents_that_nobody_was_measured_on(self):
        assert [line.label for line in draw([row("a", NLI=5.0)]).lines] == ["NLI"]

    def test_draws_ours_over_the_published(self):
        chart = draw([row("ours", QA=50.0), row("theirs", figures="published", QA=50.0)])
        assert [dot.figures for dot in chart.lines[0].dots] == ["published", "measured"]

    def test_is_none_of_nothing(self):
        assert draw([]) is None
