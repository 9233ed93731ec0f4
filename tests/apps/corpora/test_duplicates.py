"""Groups of documents that say the same, in the real database."""

import io

import pytest
from django.core.management import call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.corpora.duplicates import grouping
from apps.corpora.duplicates.grouping import compare, connected, tend
from apps.corpora.duplicates.normalising import normalise
from apps.corpora.duplicates.signatures import marks_of
from apps.corpora.duplicates.similarity import says_the_same
from apps.corpora.models import Document, DuplicateGroup, Signature, SignatureKey
from tests.factories import CorpusFactory, DocumentTextFactory

ORIGINAL = "At least 77 people were killed when a train derailed near Santiago de Compostela"
REPORT = (
    "Situation report 12. The river at Aldermoot stands at 5.2 m and falls by 4 cm an hour. Three shelters are open, "
    "with 412 people in Carrowfield, 230 in Fenwater and 118 in Sevenstile. The valley road stays closed at the bridge. "
    "Water is handed out at the grammar school from 08:00 to 20:00. Crews clear the drains of Lowquay and Tannery Flats. "
    "Volunteers report to the showground and bring boots. The hospital takes emergencies only until Friday. Power is back "
    "in two thirds of the quarter; the rest follows when the substation has dried. No boat may use the harbour. "
)


class TestSayingTheSame:
    @pytest.mark.parametrize(
        "copy",
        [
            f"RT @agency: {ORIGINAL} http://t.co/abc",
            f"so sad RT @agency: {ORIGINAL}",
            f"“@agency: {ORIGINAL}” praying for them",
            f"{ORIGINAL} #Spain #train http://t.co/xyz via @other",
            f"BREAKING: {ORIGINAL}: the train left the rails in a bend on Wednesday evening, officials say",
            "RT @agency: At least 77 people were killed when a train derailed near Santiago de Com…",
            "At least 77 people killed when train derailed near Santiago de Compostela",
        ],
    )
    def test_is_to_pass_on_to_quote_to_tag_anew_and_to_cut_off(self, copy):
        assert says_the_same(normalise(ORIGINAL), normalise(copy))
        assert set(marks_of(normalise(ORIGINAL)).keys) & set(marks_of(normalise(copy)).keys)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (ORIGINAL, ORIGINAL.replace("77", "80")),
            (
                "M 5.6 earthquake, 54km SW of Champerico, Guatemala. Nov 7 16:42 at epicenter",
                "M 5.1 earthquake, 49km SW of Champerico, Guatemala. Nov 7 22:10 at epicenter",
            ),
            (
                "Flash flood warning for Crake Hollow until this evening, move to higher ground now",
                "Flash flood warning for Upper Tamsin until this evening, move to higher ground now",
            ),
            ("Our thoughts and prayers are with Boston", "Our thoughts and prayers are with everyone in Alberta"),
            ("Good to be home", "Good to be home"),
            ("Train crash in Santiago de Compostela", f"{ORIGINAL} after a train crash in Santiago de Compostela"),
        ],
    )
    def test_is_not_to_fill_the_same_form_with_something_else(self, one, other):
        assert not says_the_same(normalise(one), normalise(other))

    def test_of_reports_allows_for_small_changes_but_not_for_other_figures(self):
        again = REPORT.replace("report 12", "report 12 (corrected)").replace("Volunteers report", "Volunteers go")
        assert says_the_same(normalise(REPORT), normalise(again))
        figures = "12 5.2 4 412 230 118 08:00 20:00".split()
        next_day = REPORT
        for number, figure in enumerate(figures):
            next_day = next_day.replace(figure, f"{number + 31}")
        assert not says_the_same(normalise(REPORT), normalise(next_day))

    @settings(max_examples=30)
    @given(st.text(max_size=300), st.text(max_size=300))
    def test_is_mutual_and_reads_any_text(self, one, other):
        assert says_the_same(normalise(one), normalise(other)) == says_the_same(normalise(other), normalise(one))


class TestConnected:
    @settings(max_examples=30)
    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9))))
    def test_sets_hold_each_item_once_and_no_pair_apart(self, pairs):
        sets = connected(pairs)
        assert sorted(item for each in sets for item in each) == sorted({item for pair in pairs for item in pair})
        assert all(any(one in each and other in each for each in sets) for one, other in pairs)


@pytest.fixture
def put(db):
    corpora = {}

    def put(*texts, corpus="posts"):
        corpora.setdefault(corpus, None)
        corpora[corpus] = corpora[corpus] or CorpusFactory(slug=corpus)
        made = [DocumentTextFactory(document__corpus=corpora[corpus], text=text).document for text in texts]
        compare([document.pk for document in made])
        return made if len(made) > 1 else made[0]

    return put


def group(document):
    return Document.objects.values_list("duplicates", flat=True).get(pk=document.pk)


CHAIN = (
    f"{ORIGINAL}. Rescuers work through the night and hospitals ask for blood",
    ORIGINAL,
    f"{ORIGINAL}: what we know so far about the driver, the bend and the line",
)


class TestGroups:
    def test_hold_copies_of_one_batch_and_of_later_ones_across_corpora(self, put):
        first, other = put(ORIGINAL, "The bridge at Crake Hollow is closed to lorries until Monday")
        later = put(f"RT @agency: {ORIGINAL}", corpus="elsewhere")
        same_words = put(ORIGINAL)
        assert group(first) == group(later) == group(same_words) is not None
        assert group(other) is None

    def test_become_one_when_a_document_ties_them(self, put):
        one, other = put(CHAIN[0], CHAIN[2])
        assert (group(one), group(other)) == (None, None)
        tie = put(CHAIN[1])
        assert group(one) == group(other) == group(tie)
        assert DuplicateGroup.objects.count() == 1

    def test_are_not_made_twice(self, put):
        document = put(ORIGINAL)
        compare([document.pk])
        assert Signature.objects.count() == 1

    def test_keep_one_set_of_keys_for_documents_with_the_same_words(self, put):
        put(*[f"RT @user{number}: {ORIGINAL} http://t.co/{number}" for number in range(5)])
        assert SignatureKey.objects.values("document_id").distinct().count() == 1
        assert Document.objects.values("duplicates").distinct().count() == 1

    def test_leave_out_what_was_deleted_this_moment(self, db):
        assert grouping._alike([(1, 2)], {1: normalise("The levee at Crake Hollow failed at dawn")}) == []

    def test_fall_apart_when_what_tied_them_goes(self, put):
        one, tie, other = put(*CHAIN)
        assert group(one) == group(other)
        tie.delete()
        tend()
        assert (group(one), group(other)) == (None, None)
        assert not DuplicateGroup.objects.exists()

    def test_stay_whole_when_a_corpus_goes(self, put):
        one, other = put(ORIGINAL, f"RT @agency: {ORIGINAL}")
        elsewhere = put(f"{ORIGINAL} #spain", corpus="elsewhere")
        elsewhere.corpus.delete()
        tend()
        assert group(one) == group(other) is not None
        assert not DuplicateGroup.objects.filter(is_stale=True).exists()

    def test_are_found_by_another_when_the_one_with_the_keys_goes(self, put):
        first, second = put(ORIGINAL, f"RT @agency: {ORIGINAL}")
        first.delete()
        later = put(f"BREAKING: {ORIGINAL}")
        assert group(later) == group(second) is not None
        assert set(SignatureKey.objects.values_list("document_id", flat=True)) == {second.pk, later.pk}

    def test_of_documents_that_came_before_are_found_by_command(self, put):
        made = put(ORIGINAL, f"RT @agency: {ORIGINAL}")
        Document.objects.update(duplicates=None)
        Signature.objects.all().delete()
        assert not SignatureKey.objects.exists()
        call_command("find_duplicates", stdout=io.StringIO())
        assert group(made[0]) == group(made[1]) is not None
