import json

import pytest

from apps.corpora.extraction import ExtractionFailed
from apps.ingestion.tables import preview
from tests.factories import JobItemFactory

pytestmark = pytest.mark.django_db


class TestPreview:
    def test_gives_the_columns_and_the_first_rows(self):
        item = JobItemFactory(
            name="log.csv", content=b"place,words\nAldermoot,Road dry\nFenwater,Sea calm\nSkerrow,Fog"
        )
        table = preview(item, rows=2)
        assert table.columns == ["place", "words"]
        assert table.rows == [["Aldermoot", "Road dry"], ["Fenwater", "Sea calm"]]

    def test_finds_columns_that_only_some_records_have(self):
        lines = [{"a": "one two", "b": "x"}, {"a": "three four", "c": "y"}]
        item = JobItemFactory(name="log.jsonl", content="\n".join(map(json.dumps, lines)).encode())
        table = preview(item, rows=5)
        assert table.columns == ["a", "b", "c"]
        assert table.rows == [["one two", "x", ""], ["three four", "", "y"]]

    def test_cuts_long_values(self):
        item = JobItemFactory(name="log.csv", content=b"a,b\n" + b"word " * 100 + b",x")
        assert len(preview(item, rows=1).rows[0][0]) <= 160

    def test_fails_where_there_is_no_table(self):
        with pytest.raises(ExtractionFailed):
            preview(JobItemFactory(name="log.csv", content=b""), rows=1)
