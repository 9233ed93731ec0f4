"""More like this, and suggestions: of what the person may read."""

import pytest

from apps.indexing.jobs import request_embedding
from apps.search import similar
from apps.search.models import Word
from tests.factories import CorpusFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def levees(library, put, index):
    """Two more passages on the levee, one of them private."""
    (near,) = put(library["reports"], "The levee at Crake Hollow failed again at dawn.", title="Sitrep 8")
    put(CorpusFactory(private=True), "The levee at Crake Hollow failed at dusk.", title="Secret")
    request_embedding(index_id=index.pk)
    return near


class TestMoreLikeThis:
    def test_is_near_in_meaning_and_of_other_documents(self, manager, levees):
        hits = similar.like(levees, user=manager)
        assert hits[0].title == "Sitrep 7"
        assert levees.document_id not in {hit.document_id for hit in hits}
        assert "Secret" not in {hit.title for hit in hits}

    def test_goes_by_words_before_a_model_has_read_the_passage(self, manager, levees, library, put):
        (unread,) = put(library["reports"], "Levee at Crake Hollow, again.")
        hits = similar.like(unread, user=manager)
        assert {"Sitrep 7", "Sitrep 8"} <= {hit.title for hit in hits}
        assert set(hits[0].ranks) == {"words"}

    def test_has_a_page(self, signed_in, levees):
        page = signed_in.get(f"/passages/{levees.pk}/like").text
        assert "Sitrep 7" in page
        assert "Secret" not in page
        assert "Words of the search" not in page
        assert "no word of the search" not in page
        assert "Both rankings" not in page


class TestSuggestions:
    @pytest.fixture
    def words(self, library):
        vault = CorpusFactory(private=True)
        for corpus, word, passages in (
            (library["reports"], "shelter", 3),
            (library["tweets"], "shelters", 9),
            (library["reports"], "sheltered", 1),
            (vault, "shelterless", 99),
        ):
            Word.objects.create(corpus=corpus, word=word, passages=passages)

    def test_write_out_the_last_word_commonest_first(self, signed_in, words):
        page = signed_in.get("/suggest", {"q": "full Shel"}).text
        order = [page.index(f'q={text}"') for text in ("full%20shelters", "full%20shelter", "full%20sheltered")]
        assert order == sorted(order)
        assert "shelterless" not in page

    @pytest.mark.parametrize("typed", ["", "sh", "shelter ", "shel%", "a" * 3000, "🚒🚒🚒"])
    def test_keep_still_where_there_is_nothing_to_say(self, signed_in, words, typed):
        response = signed_in.get("/suggest", {"q": typed})
        assert response.status_code == 200
        assert "<a" not in response.text
