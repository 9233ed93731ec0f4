import pytest

from apps.retrievers.intents import Intent
from workers.records import Passage, Triple
from workers.refinement.examples import Example
from workers.refinement.pool import Pool, write_pool

EXAMPLE = Example(
    id="e",
    source="p2",
    triple=Triple(query="q", intent=Intent.QA, positives=("the  LEVEE failed",), negatives=("new",)),
)


@pytest.fixture
def pool(tmp_path):
    passages = [
        Passage(id="p1", text="The levee failed"),
        Passage(id="p2", title="Boats", text="came at dawn"),
        Passage(id="p3", title="Boats", text="came at dawn"),
        Passage(id="p4", text="  "),
    ]
    write_pool(tmp_path, passages, examples=[EXAMPLE], sources={"p2", "p3", ""})
    return Pool(tmp_path)


class TestPool:
    def test_holds_each_text_once_whatever_its_spacing_and_case(self, pool):
        assert list(pool) == ["The levee failed", "Boats\ncame at dawn", "new"]
        assert len(pool) == 3

    def test_finds_rows_by_text_and_texts_by_row(self, pool):
        assert pool.rows_of(["new", "nowhere", "the levee FAILED"]) == [2, 0]
        assert pool.texts([2, 0]) == ["new", "The levee failed"]

    def test_finds_what_an_example_was_made_from(self, pool):
        assert pool.row_of_source("p2") == pool.row_of_source("p3") == [1]
        assert pool.row_of_source("") == []

    def test_refuses_to_be_empty(self, tmp_path):
        with pytest.raises(ValueError, match="no passage"):
            write_pool(tmp_path, [], examples=[])
