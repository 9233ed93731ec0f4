"""What is in a private corpus stays with its members, whichever door one tries."""

import json
import re

import pytest
from django.core.management import CommandError, call_command

from apps.indexing.jobs import request_embedding
from tests.factories import CorpusFactory, PassageFactory, UserFactory

pytestmark = pytest.mark.django_db

SECRET = "Zephyrine"  # a word nothing else holds
DOORS = ["/", "/search.json"]


def comparable(body):
    """Return an answer without what differs each time: tokens, times and the order of what only chance put near."""
    body = re.sub(r'FToken": "\w+|csrfmiddlewaretoken" value="\w+|took_ms": [\d.]+|in \d+ ms|passage=\d+', "", body)
    return re.sub(r'<ol class="hits".*</ol>|"results": .*', "", body, flags=re.DOTALL)


@pytest.fixture
def member(db):
    return UserFactory(username="member")


@pytest.fixture
def secret(library, index, put, member):
    """A private corpus with one passage, embedded."""
    corpus = CorpusFactory(slug="vault", name="The vault", kind="claim", private=True, members=[member])
    put(corpus, f"{SECRET} shelters have no water.", title=f"{SECRET} note", author="Nobody Known")
    request_embedding(index_id=index.pk)
    return corpus


class TestAStranger:
    @pytest.mark.parametrize("door", DOORS)
    @pytest.mark.parametrize("filters", [{}, {"kind": "claim"}, {"corpus": "reports"}, {"intent": "STS"}])
    def test_finds_nothing_of_it(self, signed_in, secret, door, filters):
        body = signed_in.get(door, {"q": "shelters have no water, note", **filters}).text
        for part in (SECRET, "vault", "Nobody Known"):
            assert part not in body

    @pytest.mark.parametrize("door", DOORS)
    def test_gets_no_sign_of_a_word_that_only_it_holds(self, signed_in, secret, door):
        known, unknown = (signed_in.get(door, {"q": word}).text for word in (SECRET, "Zephyrina"))
        assert comparable(known.replace(SECRET, "Zephyrina")) == comparable(unknown)

    @pytest.mark.parametrize("door", DOORS)
    def test_cannot_tell_it_from_one_that_is_not_there(self, signed_in, secret, door):
        private = signed_in.get(door, {"q": "water", "corpus": "vault"})
        absent = signed_in.get(door, {"q": "water", "corpus": "faulty"})
        assert private.status_code == absent.status_code == 400
        assert comparable(private.text.replace("vault", "faulty")) == comparable(absent.text)

    def test_does_not_see_it_counted(self, signed_in, secret):
        PassageFactory.create_batch(3, document__corpus=secret)  # still owed their vectors
        assert "searchable by meaning" not in signed_in.get("/", {"q": "water"}).text
        outcome = signed_in.get("/", {"q": SECRET}).context["outcome"]
        assert outcome.found == 4

    def test_is_not_offered_it_as_a_filter(self, signed_in, secret):
        assert "vault" not in signed_in.get("/").text

    def test_gets_no_examples_of_an_exercise_kept_from_them(self, signed_in, library):
        CorpusFactory(slug="exercise", private=True)
        assert not signed_in.get("/").context["examples"]

    def test_has_the_query_read_by_what_they_may_search(self, client, library):
        CorpusFactory(slug="claims", kind="claim", private=True)
        alone = UserFactory()
        client.force_login(alone)
        response = client.get("/", {"q": "water", "corpus": "tweets"})
        assert response.context["outcome"].intent == "Twitter"

    def test_is_kept_out_at_the_command_line_too(self, secret, capsys):
        UserFactory(username="stranger")
        call_command("search", f"{SECRET} water", "--user", "stranger", "--json")
        answer = json.loads(capsys.readouterr().out)
        assert "vault" not in {hit["corpus"] for hit in answer["results"]}
        with pytest.raises(CommandError, match="no corpus"):
            call_command("search", "water", "--user", "stranger", "--corpus", "vault")


class TestAMember:
    @pytest.mark.parametrize("door", DOORS)
    def test_finds_it(self, client, secret, member, door):
        client.force_login(member)
        assert f"{SECRET} shelters have no water." in client.get(door, {"q": SECRET}).text.replace(
            "<mark>", ""
        ).replace("</mark>", "")

    def test_finds_it_at_the_command_line(self, secret, member, capsys):
        call_command("search", SECRET, "--user", member.username, "--corpus", "vault", "--json")
        assert json.loads(capsys.readouterr().out)["results"][0]["title"] == f"{SECRET} note"


class TestSomebodyPutOut:
    def test_finds_it_no_longer(self, client, secret, member):
        client.force_login(member)
        assert SECRET in client.get("/search.json", {"q": "shelters water"}).text
        secret.members.remove(member)
        assert SECRET not in client.get("/search.json", {"q": "shelters water"}).text
