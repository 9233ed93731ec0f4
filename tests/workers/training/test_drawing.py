import json

import numpy as np
import pytest

from apps.retrievers.family import get_card
from apps.retrievers.intents import Intent, instruct
from workers.records import Triple
from workers.training.drawing import Drawing
from workers.training.group import StartVectors
from workers.training.recipe import Stage3
from workers.training.sources import KnownPositives, Source, read_sources


def triple(query, *, positives=("yes",), negatives=("no",), **more):
    return Triple(query=query, intent=Intent.STS, positives=positives, negatives=negatives, **more)


def drawing(*triples, start=None, **stage):
    known = KnownPositives([Source("source", "digest", triples)])
    settings = Stage3(learning_rate=1e-5, batch=4, **{"group": 3, **stage})
    return Drawing(settings, get_card("DMRetriever-33M"), known=known, seed=0, start=start)


def scored(*scores):
    """A start with these scores of passages, a row a query."""
    matrix = np.array(scores, np.float32)
    return lambda _: StartVectors(np.eye(len(matrix), dtype=np.float32), matrix.T)


class TestGroups:
    def test_begin_with_a_positive_and_repeat_negatives_that_are_too_few(self):
        example = triple("q", positives=("a", "b"), negatives=("n",))
        (group,) = drawing(example).groups([example], step=0)
        assert group.passages[0] in ("a", "b")
        assert group.passages[1:] == ("n", "n")

    def test_leave_out_negatives_that_answer_the_query_in_another_file(self):
        example = triple("q", negatives=("a", "n"), positive_scores=(0.9,), negative_scores=(0.8, 0.1))
        elsewhere = triple("Q", positives=("A",))
        (group,) = drawing(example, elsewhere).groups([example], step=0)
        assert group.passages == ("yes", "n", "n")
        assert group.scores == (0.9, 0.1, 0.1)
        (group,) = drawing(example).groups([example], step=0)
        assert set(group.passages) == {"yes", "a", "n"}

    def test_are_the_same_when_a_step_is_run_again_and_vary_with_the_step(self):
        example = triple("q", positives=tuple("abcdefgh"), negatives=tuple("nopqrstu"))
        drawn = [drawing(example).groups([example], step=step) for step in (3, 3, 4, 5)]
        assert drawn[0] == drawn[1]
        assert drawn[0] != drawn[2] or drawn[0] != drawn[3]

    def test_instruct_the_query_alone_but_both_sides_where_they_are_of_one_kind(self):
        plain, symmetric = triple("q"), triple("q", symmetric=True)
        (one,), (both,) = (drawing(each).groups([each], step=0) for each in (plain, symmetric))
        assert one.query == both.query == instruct("q", Intent.STS)
        assert one.passages[0] == "yes"
        assert both.passages[0] == instruct("yes", Intent.STS)


class TestCandidates:
    def test_are_the_own_group_alone(self):
        examples = [triple("q"), triple("r", positives=("da",), negatives=("njet",))]
        found = drawing(*examples)
        candidates = found.candidates(found.groups(examples, step=0))
        assert candidates.positives.tolist() == [0, 3]
        assert candidates.allowed.tolist() == [[True] * 3 + [False] * 3, [False] * 3 + [True] * 3]

    def test_of_the_batch_leave_out_what_answers_the_query_too(self):
        # The same query stands twice, with another answer each time.
        examples = [triple("q", positives=("a",)), triple("q", positives=("b",)), triple("r", positives=("c",))]
        found = drawing(*examples, in_batch="positives", group=2)
        allowed = found.candidates(found.groups(examples, step=0)).allowed
        assert allowed[0].tolist() == [True, True, False, False, True, False]
        assert allowed[2].tolist() == [True, False, True, False, True, True]
        found = drawing(*examples, in_batch="all", group=2)
        assert found.candidates(found.groups(examples, step=0)).allowed[2].all()

    def test_leave_out_what_the_guard_finds_too_near(self):
        examples = [triple("q"), triple("r")]
        found = drawing(
            *examples, in_batch="all", group=2, guard=0.95, start=scored([0.5, 0.49, 0.5, 0.1], [0.1, 0.1, 0.5, 0.1])
        )
        candidates = found.candidates(found.groups(examples, step=0))
        assert candidates.allowed.tolist() == [[True, False, False, True], [False, True, True, True]]
        assert candidates.start is None

    def test_are_not_guarded_by_a_start_that_does_not_find_the_positive(self):
        examples = [triple("q", positives=("a",)), triple("r", positives=("b",))]
        start = scored([0.5, 0.6, 0.1, 0.7], [0.1, 0.1, 0.5, 0.6])  # two before q's positive, one before r's
        found = drawing(*examples, in_batch="all", group=2, guard=0.95, guard_rank=1, start=start)
        assert found.candidates(found.groups(examples, step=0)).allowed.tolist() == [[True] * 4, [True] * 3 + [False]]

    def test_carry_what_the_start_made_of_them_where_that_is_to_be_kept(self):
        example = triple("q")
        found = drawing(example, group=2, keep=0.5, start=scored([0.5, 0.6]))
        candidates = found.candidates(found.groups([example], step=0))
        assert candidates.start.scores.tolist() == [pytest.approx([0.5, 0.6])]
        assert candidates.allowed.all()

    def test_carry_the_teachers_scores(self):
        example = triple("q", positive_scores=(0.9,), negative_scores=(0.1,))
        found = drawing(example, group=2)
        assert found.candidates(found.groups([example], step=0)).teacher.tolist() == [pytest.approx([0.9, 0.1])]


class TestReadSources:
    def test_names_file_and_line_of_a_bad_example(self, tmp_path):
        path = tmp_path / "QA_some.jsonl"
        path.write_text(json.dumps({"query": "q", "pos": ["p"], "neg": []}) + '\n{"query": "q", "pos": "p"}\n')
        with pytest.raises(ValueError, match=r"QA_some\.jsonl, line 2: not a"):
            read_sources([path], need_negatives=False)

    def test_says_where_negatives_are_missing_that_are_needed(self, tmp_path):
        path = tmp_path / "QA_some.jsonl"
        path.write_text(json.dumps({"query": "lone", "pos": ["p"], "neg": []}))
        assert len(read_sources([path], need_negatives=False)[0].triples) == 1
        with pytest.raises(ValueError, match="'lone' has no negatives"):
            read_sources([path], need_negatives=True)
