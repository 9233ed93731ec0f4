"""Passages read as words our own way: accents off, nothing dropped, punctuation never part of a word.

Both extensions are trusted ones: the owner of the database may create them, on a managed server too.
"""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.contrib.postgres.operations import TrigramExtension, UnaccentExtension
from django.db import migrations, models

BETWEEN = r"[\u0001-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u00BF\u2010-\u205E]+"

CONFIGURATION = """
CREATE TEXT SEARCH DICTIONARY dmsearch_stem (TEMPLATE = snowball, Language = english);
CREATE TEXT SEARCH CONFIGURATION dmsearch (PARSER = default);
ALTER TEXT SEARCH CONFIGURATION dmsearch ADD MAPPING FOR asciiword WITH dmsearch_stem;
ALTER TEXT SEARCH CONFIGURATION dmsearch ADD MAPPING FOR word WITH unaccent, dmsearch_stem;
ALTER TEXT SEARCH CONFIGURATION dmsearch ADD MAPPING FOR numword WITH unaccent, simple;
ALTER TEXT SEARCH CONFIGURATION dmsearch ADD MAPPING FOR uint, int, float, sfloat, version WITH simple;
"""
UNDO = "DROP TEXT SEARCH CONFIGURATION dmsearch; DROP TEXT SEARCH DICTIONARY dmsearch_stem"


def vector(field, weight):
    spaced = models.Func(
        models.F(field),
        models.Value(BETWEEN),
        models.Value(" "),
        models.Value("g"),
        function="regexp_replace",
        output_field=models.TextField(),
    )
    return django.contrib.postgres.search.SearchVector(spaced, weight=weight, config="dmsearch")


class Migration(migrations.Migration):
    dependencies = [("corpora", "0006_corrections")]

    operations = [
        UnaccentExtension(),
        TrigramExtension(),
        migrations.RunSQL(CONFIGURATION, UNDO),
        migrations.RemoveIndex("passage", "passage_words"),
        migrations.RemoveField("passage", "words"),
        migrations.AddField(
            "passage",
            "words",
            models.GeneratedField(
                expression=vector("heading", "B") + vector("text", "A"),
                output_field=django.contrib.postgres.search.SearchVectorField(),
                db_persist=True,
            ),
        ),
        migrations.AddIndex("passage", django.contrib.postgres.indexes.GinIndex(fields=["words"], name="passage_words")),
    ]
