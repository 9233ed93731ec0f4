from apps.retrievers.fusion import DENSE_SHARES
from apps.retrievers.intents import Intent


class TestDenseShares:
    def test_every_intent_has_one(self):
        assert DENSE_SHARES.keys() == set(Intent)

    def test_words_outweigh_meaning_for_whole_documents_alone(self):
        assert {intent for intent, share in DENSE_SHARES.items() if share < 0.5} == {Intent.QADOC}
