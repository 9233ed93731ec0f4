"""Setting right, on pages, what is said of documents."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from apps.corpora.models import Correction, Document, DuplicateGroup, Passage
from tests.factories import CorpusFactory, DocumentFactory, DocumentTextFactory, PassageFactory, UserFactory

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "described"}


@pytest.fixture
def analyst(client):
    user = UserFactory(analyst=True, username="anna")
    client.force_login(user)
    return user


@pytest.fixture
def document(analyst):
    text = DocumentTextFactory(
        document__corpus__private=True,
        document__hazards=["flood"],
        document__places=["Calgary, Canada", "Canada"],
        document__latitude=51.05,
        document__longitude=-114.1,
        document__origins={"hazards": {"how": "text"}, "places": {"how": "text"}},
    )
    text.document.corpus.members.add(analyst)
    PassageFactory(document=text.document)
    return text.document


def filled(client, document, **changes):
    form = client.get(reverse("document-correct", args=[document.pk])).context["form"]
    values = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in {**values, **changes}.items() if value is not None}
    return client.post(reverse("document-correct", args=[document.pk]), sent, headers=HTMX)


class TestADocument:
    def test_says_what_was_found_and_who_may_set_it_right(self, client, document):
        shown = client.get(document.get_absolute_url()).text
        assert "Flood" in shown
        assert "Calgary, Canada" in shown
        assert "(found in the text)" in shown
        assert reverse("document-correct", args=[document.pk]) in shown

    def test_is_set_right_and_says_by_whom(self, client, document):
        answer = filled(client, document, event="Spring flood", language="French", hazards=["dam-failure", "flood"])
        assert answer.status_code == 200
        assert "(corrected by anna)" in answer.text
        document.refresh_from_db()
        assert (document.event, document.language) == ("Spring flood", "fr")
        assert document.hazards == ["flood", "dam-failure"]  # the main one stays in front
        assert document.origins["places"] == {"how": "text"}  # nobody touched it
        assert Passage.objects.get(document=document).event == "Spring flood"

    def test_gets_the_point_of_a_place_that_is_known(self, client, document):
        filled(client, document, places="Kathmandu, Nepal; Crake Hollow")
        document.refresh_from_db()
        assert document.places == ["Kathmandu, Nepal", "Nepal", "Crake Hollow"]
        assert (round(document.latitude), round(document.longitude)) == (28, 85)

    def test_gets_the_point_of_a_place_that_nobody_knows_from_the_form(self, client, document):
        filled(client, document, places="Crake Hollow", latitude="51.5", longitude="-3.25")
        document.refresh_from_db()
        assert (document.places, document.latitude, document.longitude) == (["Crake Hollow"], 51.5, -3.25)

    def test_keeps_the_seconds_of_its_date_when_something_else_is_set_right(self, client, document):
        moment = datetime(2013, 6, 21, 10, 15, 37, tzinfo=UTC)
        Document.objects.filter(pk=document.pk).update(published_at=moment)
        filled(client, document, event="Spring flood")
        document.refresh_from_db()
        assert document.published_at == moment
        assert "published_at" not in document.origins

    def test_is_not_given_a_place_that_there_is_no_room_for(self, client, document):
        answer = filled(client, document, places="Calgary; " + "a" * 101)
        assert answer.status_code == 422
        assert "too long for the name of one place" in answer.text

    def test_keeps_what_was_typed_when_something_is_wrong(self, client, document):
        answer = filled(client, document, event="Spring flood", language="Klingonese")
        assert answer.status_code == 422
        assert "This language is not known" in answer.text
        assert "Spring flood" in answer.text
        assert not Correction.objects.exists()

    def test_is_put_back_by_undo(self, client, document):
        filled(client, document, event="Spring flood")
        act = Correction.objects.get().act
        url = document.get_absolute_url()
        assert client.post(reverse("correction-undo", args=[act]), {"next": url}).url == url
        document.refresh_from_db()
        assert (document.event, document.origins) == ("", {"hazards": {"how": "text"}, "places": {"how": "text"}})

    def test_is_not_to_be_changed_by_who_may_only_read_or_not_even_that(self, client, document):
        filled(client, document, event="Spring flood")
        act = Correction.objects.get().act
        for reader in (UserFactory(), UserFactory(analyst=True)):
            client.force_login(reader)
            assert client.post(reverse("document-correct", args=[document.pk]), {"event": "x"}).status_code == 404
            assert client.get(reverse("corpus-correct", args=[document.corpus.slug])).status_code == 404
            client.post(reverse("correction-undo", args=[act]))
        assert Document.objects.get(pk=document.pk).event == "Spring flood"

    def test_is_never_left_for_a_page_of_somebody_else(self, client, document):
        filled(client, document, event="Spring flood")
        act = Correction.objects.get().act
        gone = client.post(reverse("correction-undo", args=[act]), {"next": "https://elsewhere.example/"})
        assert gone.url == reverse("corpora")


class TestACorpus:
    def test_is_told_its_event_in_one_go_and_can_be_told_back(self, client, document):
        DocumentFactory(corpus=document.corpus)
        url = reverse("corpus-correct", args=[document.corpus.slug])
        answer = client.post(url, {"event": "Exercise Copper Tern"})
        assert "Set for 2 documents" in answer.text
        assert set(Document.objects.values_list("event", flat=True)) == {"Exercise Copper Tern"}
        assert set(Document.objects.values_list("hazards__0", flat=True)) == {"flood", None}  # left as it was
        client.post(reverse("correction-undo", args=[Correction.objects.first().act]))
        assert set(Document.objects.values_list("event", flat=True)) == {""}

    def test_is_asked_to_say_something(self, client, document):
        answer = client.post(reverse("corpus-correct", args=[document.corpus.slug]), {"event": ""})
        assert answer.status_code == 422
        assert "Nothing is filled in" in answer.text

    def test_keeps_its_places_when_a_point_comes_without_one(self, client, document):
        url = reverse("corpus-correct", args=[document.corpus.slug])
        answer = client.post(url, {"latitude": "51.5", "longitude": "-3.25"})
        assert answer.status_code == 422
        assert "Name the place of this point" in answer.text
        document.refresh_from_db()
        assert document.places == ["Calgary, Canada", "Canada"]


class TestCopies:
    def test_are_listed_to_those_who_may_read_them(self, client, document):
        group = DuplicateGroup.objects.create()
        Document.objects.filter(pk=document.pk).update(duplicates=group)
        DocumentFactory(title="Ours too", corpus=document.corpus, duplicates=group)
        DocumentFactory(title="A secret", corpus=CorpusFactory(private=True), duplicates=group)
        assert "1 more like this" in client.get(document.get_absolute_url()).text
        shown = client.get(reverse("document-copies", args=[document.pk])).text
        assert "Ours too" in shown
        assert "A secret" not in shown
        client.force_login(UserFactory())
        assert client.get(reverse("document-copies", args=[document.pk])).status_code == 404
