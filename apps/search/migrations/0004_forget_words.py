import django.contrib.postgres.fields
from django.db import migrations, models

# In the database, so that no way of deleting documents can forget it. Rows are only added here: a deletion waits for no
# other one. A corpus that is being taken apart loses its words with itself.
FORGET = """
CREATE FUNCTION search_forget_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_wordsgone (corpus, passage, words)
    SELECT g.corpus_id, g.id, tsvector_to_array(to_tsvector('simple', g.heading || ' ' || g.text))
    FROM gone g JOIN corpora_corpus c ON c.id = g.corpus_id AND c.deleted_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER search_forget_words AFTER DELETE ON corpora_passage
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION search_forget_words();
-- Words of what was deleted so far go; the others are learnt anew, 10 s in each minute.
TRUNCATE search_word, search_wordsread;
"""
REMEMBER = "DROP TRIGGER search_forget_words ON corpora_passage; DROP FUNCTION search_forget_words();"


class Migration(migrations.Migration):

    dependencies = [
        ('corpora', '0008_signatures'),
        ('search', '0003_words'),
    ]

    operations = [
        migrations.CreateModel(
            name='WordsGone',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('corpus', models.BigIntegerField()),
                ('passage', models.BigIntegerField()),
                ('words', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
            ],
            options={
                'verbose_name_plural': 'words gone',
            },
        ),
        migrations.RunSQL(FORGET, REMEMBER),
    ]
