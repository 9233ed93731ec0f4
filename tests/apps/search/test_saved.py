"""Searches kept under a name: who sees them, what is new, what a deletion leaves."""

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.search.models import KEPT_DELETED, SavedSearch
from tests.factories import CorpusFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def saved(signed_in, manager, library):
    signed_in.post("/saved/new?q=Which+levee+failed%3F&kind=report", {"name": "Levees"})
    return SavedSearch.objects.get()


def news(client, search):
    return client.get(f"/saved/{search.pk}/new").text


def marked(page):
    return [hit.title for hit in page.context["outcome"].hits if hit.document_id in page.context["new"]]


class TestSaving:
    def test_keeps_the_whole_search(self, saved, manager):
        assert (saved.owner, saved.query_string) == (manager, "q=Which+levee+failed%3F&kind=report")

    def test_keeps_nobodys_last_look(self, signed_in, library):
        signed_in.post("/saved/new?q=levee&new_since=2026-04-11T06:00:00Z", {"name": "Levees"})
        assert SavedSearch.objects.get().query_string == "q=levee"

    def test_offers_the_query_as_the_name(self, signed_in, library):
        assert 'value="dam break"' in signed_in.get("/saved/new?q=dam+break").text

    @pytest.mark.parametrize("query", ["", "q=water&corpus=nowhere", "kind=report"])
    def test_says_why_there_is_nothing_to_save(self, signed_in, library, query):
        response = signed_in.post(f"/saved/new?{query}", {"name": "Nothing"})
        assert response.status_code == 422
        assert 'role="alert"' in response.text
        assert not SavedSearch.objects.exists()

    def test_can_be_renamed_without_losing_the_search(self, signed_in, saved):
        signed_in.post(f"/saved/{saved.pk}/edit", {"name": "Dykes"})
        renamed = SavedSearch.objects.get()
        assert (renamed.name, renamed.query_string) == ("Dykes", saved.query_string)

    def test_can_be_renamed_though_a_corpus_of_it_may_not_be_read_any_more(self, signed_in, manager, library):
        asked = "q=levee&corpus=reports&corpus=vault"
        kept = SavedSearch.objects.create(owner=manager, name="V", query_string=asked)
        signed_in.post(f"/saved/{kept.pk}/edit", {"name": "Dykes"})
        kept.refresh_from_db()
        assert (kept.name, kept.query_string) == ("Dykes", asked)


class TestRunning:
    def test_leads_to_the_search_and_notes_the_look(self, signed_in, saved):
        response = signed_in.get(f"/saved/{saved.pk}/", follow=True)
        assert response.redirect_chain[0][0].startswith("/?q=Which+levee+failed%3F&kind=report&new_since=")
        assert response.context["outcome"].hits

    def test_tells_what_came_in_since_the_last_look(self, signed_in, saved, library, put):
        assert "nothing new" in news(signed_in, saved)
        put(library["reports"], "Another levee failed at noon.", title="Sitrep 11")
        assert "1 new" in news(signed_in, saved)
        page = signed_in.get(f"/saved/{saved.pk}/", follow=True)
        assert marked(page) == ["Sitrep 11"]
        assert "nothing new" in news(signed_in, saved)

    def test_marks_what_is_new_on_later_pages_and_after_any_click(self, signed_in, manager, library, put):
        for n in range(11):
            put(library["guidance"], "Levee notes.", title=f"Old {n}")
        kept = SavedSearch.objects.create(owner=manager, name="Levees", query_string="q=levee")
        signed_in.get(f"/saved/{kept.pk}/")
        put(library["reports"], "Something else, and at its end one levee of many words.", title="Late")
        first = signed_in.get(f"/saved/{kept.pk}/", follow=True)
        assert not first.context["new"]
        more, *_ = re.findall(r'href="([^"]+page=2)"', first.text)
        newest, *_ = re.findall(r'href="(\?[^"]+kind=report[^"]*)"', first.text)
        for link in (more, newest):
            page = signed_in.get(f"/{html.unescape(link)}")
            assert marked(page) == ["Late"]

    @pytest.mark.parametrize("since", ["yesterday", "2026-02-30T10:00:00Z"])
    def test_bears_a_last_look_that_is_no_moment(self, signed_in, library, since):
        assert not signed_in.get("/", {"q": "levee", "new_since": since}).context["new"]

    def test_searches_the_corpora_that_are_left(self, signed_in, manager, library, put):
        kept = SavedSearch.objects.create(owner=manager, name="V", query_string="q=levee&corpus=reports&corpus=vault")
        put(library["reports"], "Another levee failed at noon.")
        assert "1 new" in news(signed_in, kept)

    def test_of_a_corpus_one_may_no_longer_read_tells_nothing(self, signed_in, manager, library, put):
        vault = CorpusFactory(slug="vault", private=True, members=[manager])
        kept = SavedSearch.objects.create(owner=manager, name="V", query_string="q=levee&corpus=vault")
        put(vault, "The levee of the vault.")
        assert "1 new" in news(signed_in, kept)
        vault.members.clear()
        assert "nothing new" in news(signed_in, kept)


class TestSharing:
    def test_is_with_the_members_of_a_corpus_alone(self, client, signed_in, manager, saved):
        member, stranger = UserFactory(), UserFactory()
        corpus = CorpusFactory(members=[manager, member], private=True)
        signed_in.post(f"/saved/{saved.pk}/edit", {"name": "Levees", "shared_with": corpus.pk})
        for person, sees in ((member, True), (stranger, False), (manager, True)):
            client.force_login(person)
            assert ("Levees" in client.get("/saved/").text) is sees
            assert client.get(f"/saved/{saved.pk}/").status_code == (302 if sees else 404)
        client.force_login(member)
        assert client.post(f"/saved/{saved.pk}/delete").status_code == 404

    def test_offers_only_corpora_one_belongs_to(self, signed_in, saved):
        other = CorpusFactory(name="Not mine")
        assert "Not mine" not in signed_in.get(f"/saved/{saved.pk}/edit").text
        response = signed_in.post(f"/saved/{saved.pk}/edit", {"name": "Levees", "shared_with": other.pk})
        assert response.status_code == 422


class TestDeleting:
    def test_can_be_undone(self, signed_in, saved):
        page = signed_in.post(f"/saved/{saved.pk}/delete", follow=True).text
        assert "is deleted" in page
        assert f"/saved/{saved.pk}/restore" in page
        assert "Levees</a>" not in page
        signed_in.post(f"/saved/{saved.pk}/restore")
        assert "Levees</a>" in signed_in.get("/saved/").text

    def test_is_for_good_after_a_while(self, signed_in, manager, saved):
        SavedSearch.objects.update(deleted_at=timezone.now() - KEPT_DELETED - timedelta(minutes=1))
        other = SavedSearch.objects.create(owner=manager, name="Other", query_string="q=a")
        signed_in.post(f"/saved/{other.pk}/delete")
        assert SavedSearch.objects.get() == other
