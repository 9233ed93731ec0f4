import numpy as np

from apps.retrievers.family import get_card
from workers.encoders import get_encoder


class TestHashingEncoder:
    encoder = get_encoder(get_card("hashing"))

    def test_gives_one_unit_row_a_text_even_without_words(self):
        vectors = self.encoder.encode(["levee failed", "", "…", "flood"])
        assert vectors.shape == (4, 384)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)

    def test_texts_that_share_words_come_out_nearer(self):
        question, answer, other = self.encoder.encode(
            ["Which levee failed?", "The north levee failed at noon.", "Shelters need blankets."]
        )
        assert question @ answer > 0.5 > 0.1 > abs(question @ other)

    def test_the_same_text_is_the_same_vector(self):
        again = type(self.encoder)()
        assert np.array_equal(again.encode(["flood"]), self.encoder.encode(["flood"]))

    def test_no_texts_give_no_rows(self):
        assert self.encoder.encode([]).shape == (0, 384)
