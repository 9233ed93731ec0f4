import pytest

from apps.experiments.intents import LabelledQuery, NothingToMeasure, labelled_queries, measure
from apps.retrievers.intents import Intent


class TestConfusion:
    queries = [
        LabelledQuery("floods", "How deep is it?", Intent.QA),
        LabelledQuery("floods", "The dam has failed.", Intent.STS),
        LabelledQuery("posts", "blocked roads", Intent.TWITTER),
    ]

    def test_counts_how_each_intent_was_read(self):
        found = measure(self.queries, kinds={})
        assert found.counts[Intent.QA] == {Intent.QA: 1}
        assert found.counts[Intent.STS] == {Intent.FACTCHECK: 1}
        assert found.accuracy == pytest.approx(1 / 3)

    def test_counts_the_right_reading_that_was_offered(self):
        assert measure(self.queries, kinds={}).accuracy_offered == 1

    def test_is_better_where_the_kind_is_known(self):
        assert measure(self.queries, kinds={"posts": "tweet"}).accuracy == pytest.approx(2 / 3)

    def test_weighs_intents_alike_however_many_queries_they_have(self):
        many = [*self.queries, *[self.queries[0]] * 20]
        assert measure(many, kinds={}).accuracy == pytest.approx(1 / 3)

    def test_tells_why_a_query_was_misread(self):
        (worst, *_) = measure(self.queries[1:2], kinds={}).misreadings()
        assert worst[:3] == (Intent.STS, Intent.FACTCHECK, 1)
        assert worst[3].startswith("states something ('has')")
        assert worst[4] == "The dam has failed."


class TestLabelledQueries:
    def test_are_read_of_one_set_or_of_all_in_a_folder(self, collection_folder):
        one = labelled_queries(collection_folder)
        assert [query.intent for query in one] == [Intent.QA, Intent.TWITTER]
        assert labelled_queries(collection_folder.parent) == one
        assert {query.set for query in one} == {"floods"}

    def test_name_the_line_that_is_broken(self, collection_folder):
        with (collection_folder / "queries.jsonl").open("a") as file:
            file.write('{"text": "x", "metadata": {"intent": "Prophecy"}}\n')
        with pytest.raises(NothingToMeasure, match=r"queries.jsonl, line 3: .*Prophecy"):
            labelled_queries(collection_folder)

    def test_say_where_they_were_looked_for(self, tmp_path):
        with pytest.raises(NothingToMeasure, match=str(tmp_path)):
            labelled_queries(tmp_path)
