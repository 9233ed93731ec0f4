"""The partitioned table of vectors, and the trigger that notes which passages still owe one."""

import django.db.models.deletion
import pgvector.django.halfvec
from django.db import migrations, models
from pgvector.django import VectorExtension

VECTORS = """
CREATE TABLE indexing_passagevector (
    index_id bigint NOT NULL,
    passage_id bigint NOT NULL REFERENCES corpora_passage (id) ON DELETE CASCADE,
    embedding halfvec NOT NULL,
    PRIMARY KEY (index_id, passage_id)
) PARTITION BY LIST (index_id);
CREATE INDEX indexing_passagevector_passage ON indexing_passagevector (passage_id);
"""

# In the database, so that no way of adding passages can forget it.
OWE = """
CREATE FUNCTION indexing_owe_vectors() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO indexing_pendingvector (index_id, passage_id, attempts, reason)
    SELECT i.id, arrived.id, 0, ''
    FROM arrived CROSS JOIN indexing_vectorindex i
    WHERE i.status <> 'RETIRED'
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER indexing_owe_vectors AFTER INSERT ON corpora_passage
REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION indexing_owe_vectors();
"""


class Migration(migrations.Migration):
    dependencies = [("indexing", "0001_initial")]

    operations = [
        VectorExtension(),
        migrations.RunSQL(
            VECTORS,
            "DROP TABLE indexing_passagevector",
            state_operations=[
                migrations.CreateModel(
                    name="PassageVector",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "index_id", "passage_id", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("embedding", pgvector.django.halfvec.HalfVectorField()),
                        (
                            "index",
                            models.ForeignKey(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="vectors",
                                to="indexing.vectorindex",
                            ),
                        ),
                        (
                            "passage",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="vectors",
                                to="corpora.passage",
                            ),
                        ),
                    ],
                    options={"db_table": "indexing_passagevector"},
                ),
            ],
        ),
        migrations.RunSQL(
            OWE,
            "DROP TRIGGER indexing_owe_vectors ON corpora_passage; DROP FUNCTION indexing_owe_vectors()",
        ),
    ]
