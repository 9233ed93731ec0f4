"""Keep the words of a passage beside it: thousands are weighed in a search, and each fetched from elsewhere costs."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("corpora", "0008_signatures")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE corpora_passage SET (toast_tuple_target = 8160)",
            "ALTER TABLE corpora_passage RESET (toast_tuple_target)",
        )
    ]
