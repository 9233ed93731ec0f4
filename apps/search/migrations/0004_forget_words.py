from django.db import migrations

# In the database, so that no way of deleting documents can forget it. Who learns holds the same lock: what is being
# read is either counted before it goes, or gone before it is read.
FORGET = """
CREATE FUNCTION search_forget_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM search_wordsread WHERE corpus_id IN (SELECT corpus_id FROM gone) ORDER BY corpus_id FOR UPDATE;
    WITH lost AS (
        SELECT g.corpus_id, said.lexeme AS word, count(*) AS passages
        FROM gone g JOIN search_wordsread r ON r.corpus_id = g.corpus_id AND g.id <= r.up_to,
            unnest(to_tsvector('simple', g.heading || ' ' || g.text)) AS said
        GROUP BY g.corpus_id, said.lexeme
    ), forgotten AS (
        DELETE FROM search_word w USING lost l
        WHERE w.corpus_id = l.corpus_id AND w.word = l.word AND w.passages <= l.passages
    )
    UPDATE search_word w SET passages = w.passages - l.passages FROM lost l
    WHERE w.corpus_id = l.corpus_id AND w.word = l.word AND w.passages > l.passages;
    RETURN NULL;
END $$;
CREATE TRIGGER search_forget_words AFTER DELETE ON corpora_passage
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION search_forget_words();
-- Words of what was deleted so far go; the others are learnt anew within minutes.
TRUNCATE search_word, search_wordsread;
"""
REMEMBER = "DROP TRIGGER search_forget_words ON corpora_passage; DROP FUNCTION search_forget_words();"


class Migration(migrations.Migration):

    dependencies = [
        ('corpora', '0008_signatures'),
        ('search', '0003_words'),
    ]

    operations = [
        migrations.RunSQL(FORGET, REMEMBER),
    ]
