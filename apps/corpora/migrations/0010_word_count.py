"""Count the words of each passage that say something: the length that BM25 divides by.

The count is of what `words` holds without stop words, so it is made in the same way, with a dictionary that leaves
them out. PostgreSQL has no function for the occurrences in a tsvector; this one is parsed once, here, so that a restored
database needs no search path for it.
"""

import django.contrib.postgres.search
from django.db import migrations, models

BETWEEN = r"[\u0001-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u00BF\u2010-\u205E]+"

CONFIGURATION = """
CREATE TEXT SEARCH DICTIONARY dmsearch_telling_stem (TEMPLATE = snowball, Language = english, StopWords = english);
CREATE TEXT SEARCH CONFIGURATION dmsearch_telling (COPY = dmsearch);
ALTER TEXT SEARCH CONFIGURATION dmsearch_telling ALTER MAPPING REPLACE dmsearch_stem WITH dmsearch_telling_stem;
CREATE FUNCTION dmsearch_occurrences(words tsvector) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(sum(cardinality(positions)), 0)::integer FROM unnest(words));
"""
UNDO = """
DROP FUNCTION dmsearch_occurrences;
DROP TEXT SEARCH CONFIGURATION dmsearch_telling;
DROP TEXT SEARCH DICTIONARY dmsearch_telling_stem;
"""


def vector(field, weight):
    spaced = models.Func(
        models.F(field),
        models.Value(BETWEEN),
        models.Value(" "),
        models.Value("g"),
        function="regexp_replace",
        output_field=models.TextField(),
    )
    return django.contrib.postgres.search.SearchVector(spaced, weight=weight, config="dmsearch_telling")


class Migration(migrations.Migration):
    dependencies = [("corpora", "0009_words_at_hand")]

    operations = [
        migrations.RunSQL(CONFIGURATION, UNDO),
        migrations.AddField(
            "passage",
            "word_count",
            models.GeneratedField(
                expression=models.Func(vector("heading", "B") + vector("text", "A"), function="dmsearch_occurrences"),
                output_field=models.PositiveIntegerField(),
                db_persist=True,
            ),
        ),
    ]
