import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.retrievers.fusion import DENSE_SHARES, check_shares, dense_share, fuse_scores
from apps.retrievers.intents import Intent

scores = st.dictionaries(st.integers(0, 6), st.sampled_from([-0.2, 0.1, 0.5, 3.0]), max_size=6)


class TestDenseShares:
    def test_every_intent_has_one(self):
        assert DENSE_SHARES.keys() == set(Intent)

    def test_words_outweigh_meaning_for_whole_documents_alone(self):
        assert {intent for intent, share in DENSE_SHARES.items() if share < 0.5} == {Intent.QADOC}

    def test_can_be_chosen_for_some_intents(self):
        assert dense_share(Intent.NLI, {"NLI": 0.9}) == 0.9
        assert dense_share(Intent.QA, {"NLI": 0.9}) == DENSE_SHARES[Intent.QA]

    @pytest.mark.parametrize("wrong", [{"NLI": 1.1}, {"QA": -0.1}, {"qa": 0.5}])
    def test_that_are_none_are_refused(self, wrong):
        with pytest.raises(ValueError, match=r"intent|from 0 to 1"):
            check_shares(wrong)


class TestFusion:
    def test_adds_up_the_stretched_scores_of_both_arms(self):
        fused = fuse_scores({1: 0.8, 2: 0.6, 3: 0.4}, {1: 2.0, 2: 12.0, 3: 2.0}, share=0.6)
        assert fused == pytest.approx({1: 0.6, 2: 0.6 * 0.5 + 0.4, 3: 0.0})

    @pytest.mark.parametrize("share", [0.35, 0.6, 0.9])
    def test_takes_what_one_arm_could_not_score_by_the_other_alone(self, share):
        """A passage just uploaded has its words before it has its vector."""
        fused = fuse_scores({1: 0.9, 2: 0.1}, {1: 0.0, 2: 0.0, 3: 7.0, 4: 3.5}, share=share)
        assert fused == pytest.approx({3: 1.0, 1: share, 4: 0.5, 2: 0.0})

    def test_of_scores_all_alike_makes_no_difference(self):
        assert fuse_scores({1: 0.4, 2: 0.4}, {1: 1.0, 2: 3.0}, share=0.5) == {1: 0.5, 2: 1.0}

    @given(scores, st.floats(0.1, 0.9))
    def test_of_one_arm_is_in_its_order(self, arm, share):
        for fused in (fuse_scores(arm, {}, share=share), fuse_scores({}, arm, share=share)):
            assert all(fused[a] >= fused[b] for a in arm for b in arm if arm[a] > arm[b])

    @given(scores, scores)
    def test_loses_nothing(self, meaning, words):
        assert fuse_scores(meaning, words, share=0.6).keys() == meaning.keys() | words.keys()

    def test_puts_a_clear_winner_of_one_arm_before_what_is_middling_in_both(self):
        """Fusion by rank puts first what both arms hold, however weakly."""
        meaning = {1: 0.9, 2: 0.3, 3: 0.2}
        words = {4: 9.0, 2: 5.0, 5: 4.9}
        assert next(iter(fuse_scores(meaning, words, share=0.6))) == 1
