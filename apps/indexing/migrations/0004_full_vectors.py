"""A second column, for indexes that keep their vectors as 32-bit numbers."""

import pgvector.django.halfvec
import pgvector.django.vector
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('indexing', '0003_side_by_side'),
    ]

    operations = [
        migrations.AddField(
            model_name='passagevector',
            name='embedding32',
            field=pgvector.django.vector.VectorField(null=True),
        ),
        migrations.AlterField(
            model_name='passagevector',
            name='embedding',
            field=pgvector.django.halfvec.HalfVectorField(null=True),
        ),
        migrations.RunSQL(
            "ALTER TABLE indexing_passagevector "
            "ADD CONSTRAINT one_embedding CHECK (num_nonnulls(embedding, embedding32) = 1)",
            "ALTER TABLE indexing_passagevector DROP CONSTRAINT one_embedding",
        ),
    ]
