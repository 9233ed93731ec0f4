import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from apps.corpora.models import Corpus, Document, Passage, StoredFile
from tests.factories import CorpusFactory, DocumentFactory, DocumentTextFactory, PassageFactory, UserFactory

pytestmark = pytest.mark.django_db

NASTY = "<script>alert(1)</script>'; DROP TABLE corpora_corpus;--"


@pytest.fixture
def manager(client):
    user = UserFactory()
    client.force_login(user)
    return user


@pytest.fixture
def analyst(client):
    user = UserFactory(analyst=True)
    client.force_login(user)
    return user


@pytest.fixture
def document():
    text = DocumentTextFactory(document__corpus__private=True)
    PassageFactory(document=text.document, position=0)
    return text.document


class TestCorpora:
    url = "/corpora/"

    def test_lists_what_is_in_each(self, client, manager):
        PassageFactory(document__corpus__name="Flood reports")
        shown = client.get(self.url).text
        assert "Flood reports" in shown
        assert '<td class="number" data-label="Passages">1</td>' in shown

    def test_hides_private_ones_from_strangers(self, client, manager):
        CorpusFactory(name="Secret", private=True)
        CorpusFactory(name="Ours", private=True, members=[manager])
        shown = client.get(self.url).text
        assert "Ours" in shown
        assert "Secret" not in shown

    def test_asks_for_login(self, client):
        assert client.get(self.url).status_code == 302

    def test_needs_as_many_queries_for_many_as_for_one(self, client, manager, django_assert_max_num_queries):
        CorpusFactory.create_batch(12)
        with django_assert_max_num_queries(4):  # session, user, corpora, members
            client.get(self.url)


class TestNewCorpus:
    url = "/corpora/new"

    def test_makes_it_with_its_maker_as_a_member(self, client, analyst):
        response = client.post(self.url, {"name": "Flood Reports", "kind": "report"})
        corpus = Corpus.objects.get()
        assert response.url == "/corpora/flood-reports/"
        assert list(corpus.members.all()) == [analyst]

    def test_gives_each_an_address_of_its_own(self, client, analyst):
        for name in ("Floods", "Floods", "New", "水"):
            client.post(self.url, {"name": name, "kind": "report"})
        assert set(Corpus.objects.values_list("slug", flat=True)) == {"floods", "floods-2", "new-2", "corpus"}

    def test_is_for_analysts(self, client, manager):
        assert client.post(self.url, {"name": "Mine", "kind": "report"}).status_code == 403
        assert not Corpus.objects.exists()

    def test_says_what_is_missing(self, client, analyst):
        response = client.post(self.url, {"name": "", "kind": "report"})
        assert response.status_code == 422
        assert "This field is required" in response.text


class TestEditAndDelete:
    @pytest.fixture
    def corpus(self, analyst):
        return CorpusFactory(name="Floods", slug="floods", members=[analyst])

    def test_changes_who_may_see_it(self, client, corpus, analyst):
        client.post(
            "/corpora/floods/edit", {"name": "Floods", "kind": "tweet", "private": "on", "members": [analyst.pk]}
        )
        corpus.refresh_from_db()
        assert (corpus.private, corpus.kind) == (True, "tweet")

    def test_leads_who_leaves_a_private_corpus_to_the_list(self, client, corpus):
        response = client.post("/corpora/floods/edit", {"name": "Floods", "kind": "report", "private": "on"})
        assert response.url == "/corpora/"

    def test_deletes_once_the_name_is_typed(self, client, corpus):
        PassageFactory(document__corpus=corpus)
        assert client.post("/corpora/floods/delete", {"name": "floods"}).status_code == 422
        assert Corpus.objects.exists()
        client.post("/corpora/floods/delete", {"name": "Floods"})
        assert not Corpus.objects.exists()

    def test_hides_at_once_all_that_was_in_it(self, client, corpus, analyst):
        passage = PassageFactory(document__corpus=corpus)
        client.post("/corpora/floods/delete", {"name": "Floods"})
        for user in (analyst, UserFactory(admin=True)):
            client.force_login(user)
            assert not Passage.objects.readable_by(user).exists()
            for url in (passage.get_absolute_url(), "/corpora/floods/", f"/corpora/deleted-{corpus.pk}/"):
                assert client.get(url).status_code == 404
        assert list(client.get("/corpora/").context["corpora"]) == []

    def test_leaves_the_name_to_the_next(self, client, corpus):
        client.post("/corpora/floods/delete", {"name": "Floods"})
        response = client.post("/corpora/new", {"name": "Floods", "kind": "report"})
        assert response.url == "/corpora/floods/"

    @pytest.mark.parametrize("page", ["edit", "delete"])
    def test_is_not_there_for_whoever_may_not_fill_it(self, client, corpus, page):
        client.force_login(UserFactory(analyst=True))
        assert client.get(f"/corpora/floods/{page}").status_code == 404
        assert client.post(f"/corpora/floods/{page}", {"name": "Floods"}).status_code == 404
        assert Corpus.objects.exists()


class TestDocument:
    def test_opens_at_the_passage_asked_for(self, client, manager):
        text = DocumentTextFactory()
        first, second = (PassageFactory(document=text.document, position=position) for position in (0, 1))
        shown = client.get(second.get_absolute_url()).text
        assert f'<div class="passage chosen" id="passage-{second.pk}"' in shown
        assert f'<div class="passage" id="passage-{first.pk}"' in shown
        assert first.get_absolute_url().partition("#")[0] in shown  # the passage before

    def test_shows_the_part_of_a_long_text_that_holds_the_passage(self, client, manager):
        text = DocumentTextFactory()
        passages = [PassageFactory(document=text.document, position=position) for position in range(230)]
        shown = client.get(passages[150].get_absolute_url()).text
        assert f'id="passage-{passages[150].pk}"' in shown
        assert f'id="passage-{passages[0].pk}"' not in shown
        assert "Part 2 of 3" in shown

    @pytest.mark.parametrize("asked", ["0", "x", "-1", "9" * 40, "%00"])
    def test_opens_where_the_passage_is_gone(self, client, manager, asked):
        document = DocumentTextFactory().document
        assert client.get(f"{document.get_absolute_url()}?passage={asked}").status_code == 200

    def test_shows_a_strangers_text_as_text(self, client, manager):
        text = DocumentTextFactory(document__title=NASTY, document__metadata={NASTY: NASTY}, document__author=NASTY)
        PassageFactory(document=text.document, text=NASTY, heading=NASTY, position=0)
        shown = client.get(text.document.get_absolute_url()).text
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert(1)" in shown

    def test_looks_like_a_tweet_when_it_is_one(self, client, manager):
        metadata = {"author_name": "Orsel Watch", "retweet_of": "7", "retweet_of_author": "pecc", "retweet_count": 1200}
        text = DocumentTextFactory(document__kind="tweet", document__author="@orsel", document__metadata=metadata)
        PassageFactory(document=text.document, position=0)
        shown = client.get(text.document.get_absolute_url()).text
        for words in ("Orsel Watch", "@orsel", "Retweet of @pecc", "1,200 retweets"):
            assert words in shown

    def test_leads_from_a_retweet_to_the_tweet_in_the_same_corpus_only(self, client, manager):
        text = DocumentTextFactory(document__kind="tweet", document__metadata={"retweet_of": "7", "reply_to": "8"})
        original = DocumentFactory(corpus=text.document.corpus, external_id="7")
        elsewhere = DocumentFactory(external_id="8")
        shown = client.get(text.document.get_absolute_url()).text
        assert original.get_absolute_url() in shown
        assert elsewhere.get_absolute_url() not in shown

    def test_needs_few_queries_however_long_it_is(self, client, manager, django_assert_max_num_queries):
        text = DocumentTextFactory()
        passages = [PassageFactory(document=text.document, position=position) for position in range(60)]
        with django_assert_max_num_queries(9):
            client.get(passages[30].get_absolute_url())


class TestPrivateDocument:
    @pytest.mark.parametrize("name", ["document", "document-file", "document-delete"])
    def test_is_not_there_for_strangers(self, client, document, name):
        client.force_login(UserFactory(analyst=True))
        assert client.get(reverse(name, args=[document.pk])).status_code == 404

    def test_is_there_for_members_and_admins(self, client, document):
        member = UserFactory()
        document.corpus.members.add(member)
        for user in (member, UserFactory(admin=True)):
            client.force_login(user)
            assert client.get(document.get_absolute_url()).status_code == 200

    def test_is_not_a_members_to_delete(self, client, document):
        member = UserFactory()
        document.corpus.members.add(member)
        client.force_login(member)
        assert client.post(reverse("document-delete", args=[document.pk])).status_code == 404
        assert Document.objects.exists()


class TestOriginalFile:
    @pytest.fixture
    def stored(self, media_root):
        return StoredFile.objects.keep(ContentFile(b"<script>alert(1)</script>"))[0]

    def test_comes_as_a_file_that_no_browser_runs(self, client, manager, stored):
        document = DocumentFactory(source=stored, file_name='folder/x"<b>.html')
        response = client.get(reverse("document-file", args=[document.pk]))
        assert b"".join(response) == b"<script>alert(1)</script>"
        assert response["Content-Disposition"].startswith("attachment;")
        assert "folder" not in response["Content-Disposition"]
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert response["Content-Type"] == "application/octet-stream"

    def test_is_missing_where_a_document_came_without(self, client, manager):
        document = DocumentFactory()
        assert client.get(reverse("document-file", args=[document.pk])).status_code == 404


class TestDeleteDocument:
    def test_asks_first(self, client, analyst):
        document = DocumentFactory(corpus__members=[analyst])
        assert "Delete the document" in client.get(reverse("document-delete", args=[document.pk])).text
        assert Document.objects.exists()
        response = client.post(reverse("document-delete", args=[document.pk]))
        assert response.url == document.corpus.get_absolute_url()
        assert not Document.objects.exists()
