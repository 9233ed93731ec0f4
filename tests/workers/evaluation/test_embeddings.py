import numpy as np
import pytest

from workers.encoders.hashing import HashingEncoder
from workers.evaluation import embeddings
from workers.evaluation.embeddings import EmbeddingStore

TEXTS = ["levee failed", "boil water", "levee failed", "shelters open"]


class TestEmbeddingStore:
    def test_gives_the_encoders_vectors_in_the_order_of_the_texts(self, store):
        expected = HashingEncoder().encode(TEXTS)
        assert np.array_equal(store.embed(TEXTS).in_memory(), expected)

    def test_encodes_no_text_twice(self, store, encoder, tmp_path):
        store.embed(TEXTS)
        EmbeddingStore(tmp_path / "embeddings", encoder).embed([*TEXTS, "new"])
        assert sorted(encoder.encoded) == sorted({*TEXTS, "new"})

    def test_reads_block_by_block(self, store, monkeypatch):
        monkeypatch.setattr(embeddings, "_BLOCK", 3)
        vectors = store.embed(TEXTS)
        assert [block.shape for block in vectors] == [(3, 384), (1, 384)]
        assert np.array_equal(np.concatenate(list(vectors)), vectors.in_memory())

    def test_goes_on_where_a_killed_run_stopped(self, store, encoder, monkeypatch, tmp_path):
        monkeypatch.setattr(embeddings, "_BATCH", 1)
        encode = encoder.encode

        def killed_at_the_third(texts):
            if len(encoder.encoded) == 2:
                raise KeyboardInterrupt
            return encode(texts)

        encoder.encode = killed_at_the_third
        with pytest.raises(KeyboardInterrupt):
            store.embed(TEXTS)
        encoder.encode = encode
        EmbeddingStore(tmp_path / "embeddings", encoder).embed(TEXTS)
        assert encoder.encoded == ["levee failed", "boil water", "shelters open"]

    @pytest.mark.parametrize(("name", "left"), [("vectors.f32", -100), ("keys", -3)])
    def test_forgets_a_row_that_was_written_in_part(self, store, encoder, tmp_path, name, left):
        store.embed(TEXTS[:2])
        (path,) = (tmp_path / "embeddings").glob(f"*/{name}")
        path.write_bytes(path.read_bytes()[:left])
        vectors = EmbeddingStore(tmp_path / "embeddings", encoder).embed(TEXTS).in_memory()
        assert np.array_equal(vectors, HashingEncoder().encode(TEXTS))

    def test_keeps_models_apart(self, store, tmp_path):
        class OtherRevision(HashingEncoder):
            revision = "2"

        store.embed(TEXTS)
        EmbeddingStore(tmp_path / "embeddings", OtherRevision()).embed(TEXTS)
        assert len(list((tmp_path / "embeddings").iterdir())) == 2

    def test_two_runs_may_write_at_once(self, store, encoder, tmp_path):
        other = EmbeddingStore(tmp_path / "embeddings", encoder)
        encode = encoder.encode

        def interrupted_by_the_other(texts):
            encoder.encode = encode
            other.embed(["boil water", "sandbags"])
            return encode(texts)

        encoder.encode = interrupted_by_the_other
        vectors = store.embed(TEXTS).in_memory()
        assert np.array_equal(vectors, HashingEncoder().encode(TEXTS))
        assert np.array_equal(other.embed(["sandbags"]).in_memory(), HashingEncoder().encode(["sandbags"]))

    def test_no_texts_have_no_vectors(self, store):
        assert store.embed([]).in_memory().shape == (0, 384)
