"""Every URL there is, tried by people without rights: nothing of a private corpus comes out, not even a count.

The URLs are read from the URLconf, so a new one is tried by itself; one whose arguments cannot be filled with
private objects fails, and so does a GET parameter that nobody has said how to probe.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from apps.corpora.corrections import correct
from apps.corpora.models import Document, DocumentText, StoredFile
from apps.experiments.models import OwnMeasurement
from apps.experiments.runs import Adaptation
from apps.feedback.models import Judgment, Pool, PoolItem, Query
from apps.indexing.jobs import request_embedding
from apps.ingestion.models import BulkCorrection, JobItem
from apps.retrievers.intents import Intent
from apps.search.models import QueryHit, QueryItem, QueryList, SavedSearch
from tests.factories import (
    CorpusFactory,
    DocumentFactory,
    JobFactory,
    JobItemFactory,
    PassageFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

CANARY = "Zephyrine"  # a word that nothing else holds
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
#: Open to everybody, and the same for everybody.
PUBLIC = {"login", "logout", "theme", "help", "healthz", "readyz", "metrics"}
#: Headers that differ each time.
SILENT = {"X-Request-ID", "Content-Length", "Server-Timing", "Expires", "Content-Security-Policy"}
#: GET parameters that name nothing: how an answer looks, which page of it.
HARMLESS = {
    "page",
    "limit",
    "format",
    "state",
    "find",
    "role",
    "active",
    "problems",
    "show",
    "new_since",
    "combine",
    "extent",
}


@dataclass(frozen=True)
class Door:
    name: str
    route: str

    def parameters(self) -> Iterator[tuple[str, str]]:
        """Yield what stands before each argument in the route, and its name."""
        for found in PARAMETER.finditer(self.route):
            yield self.route[: found.start()], found[1]

    def url(self, filling: dict[str, object]) -> str:
        """Fill the arguments by what stands before them, in the route as it is written."""
        url = self.route
        for before, name in self.parameters():
            if before not in filling:
                pytest.fail(
                    f"{self.route} ({self.name}): say in `World.filling` which private object stands at "
                    f"<{name}> behind “{before}”, so that this door is tried too."
                )
            url = PARAMETER.sub(str(filling[before]), url, count=1)
        return "/" + url


def doors(patterns: list[URLPattern | URLResolver] | None = None, before: str = "") -> list[Door]:
    found = []
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += doors(pattern.url_patterns, route)
        else:
            found.append(Door(pattern.name or route, route.removeprefix("^").removesuffix("$")))
    return found


class World:
    """A private corpus of one member, with all that hangs on it; each part holds the canary."""

    def __init__(self, index, member) -> None:
        self.member = member
        self.corpus = CorpusFactory(
            slug="vault", name=f"{CANARY} vault", kind="claim", private=True, members=[self.member]
        )
        self.source = StoredFile.objects.keep(ContentFile(f"%PDF-1.7 {CANARY} file".encode()))[0]
        self.document = DocumentFactory(
            corpus=self.corpus, title=f"{CANARY} note", author=f"{CANARY} Author", external_id=f"{CANARY}-1",
            source=self.source, file_name=f"{CANARY}.pdf", language="xx", published_at="1999-03-04T05:06Z",
            metadata={"place": f"{CANARY} Town", "event": f"{CANARY} storm"},
        )  # fmt: skip
        text = f"{CANARY} shelters have no water."
        DocumentText.objects.create(document=self.document, text=text, page_starts=[0])
        self.passage = PassageFactory(document=self.document, text=text, heading=f"{CANARY} heading", page=1)
        self.job = JobFactory(corpus=self.corpus, created_by=self.member)
        self.item = JobItemFactory(
            job=self.job, name=f"{CANARY}.csv", state=JobItem.State.FAILED, reason=f"{CANARY} reason",
            content=f"text\n{CANARY} row".encode(),
        )  # fmt: skip
        query = Query.objects.of(f"{CANARY} query", Intent.QA)
        self.pool = Pool.objects.create(name=f"{CANARY} pool", depth=1, seed=1, created_by=self.member)
        self.pool_item = PoolItem.objects.create(
            pool=self.pool, query=query, passage=self.passage, position=0, ranks={"words": 1}
        )
        Judgment.objects.record(self.member, query, passage=self.passage, grade=3)
        self.index = index
        self.correction = correct(
            Document.objects.filter(pk=self.document.pk), {"event": {"event": f"{CANARY} event"}}, by=self.member
        )
        self.bulk_correction = BulkCorrection.objects.create(
            corpus=self.corpus, values={"event": {"event": f"{CANARY} event"}}, total=1, by=self.member
        )
        self.run = Adaptation.objects.create(
            corpus=self.corpus,
            model="hashing",
            name="zephyrine-model",
            reason=f"{CANARY} reason",
            created_by=self.member,
        )
        self.measurement = OwnMeasurement.objects.create(asked_by=self.member)
        self.measurement.end(OwnMeasurement.State.FAILED, f"{CANARY} failure")
        self.saved = SavedSearch.objects.create(
            owner=self.member, name=f"{CANARY} search", query_string=f"q={CANARY}", shared_with=self.corpus
        )
        self.query_list = QueryList.objects.create(owner=self.member, name=f"{CANARY} list")
        asked = QueryItem.objects.create(
            query_list=self.query_list, position=0, text=f"{CANARY} asked", answered_at=timezone.now()
        )
        QueryHit.objects.create(item=asked, passage=self.passage, rank=1, score=1.0)
        request_embedding(index_id=index.pk)

    def filling(self) -> dict[str, object]:
        """Return what to put for an argument, by the part of the route that stands before it."""
        return {
            "corpora/": self.corpus.slug,
            "documents/": self.document.pk,
            "documents/<int:pk>/pages/": 1,
            "passages/": self.passage.pk,
            "jobs/": self.job.pk,
            "jobs/items/": self.item.pk,
            "judging/": self.pool.pk,
            "users/": self.member.pk,
            "saved/": self.saved.pk,
            "corrections/": self.correction,
            "bulk-corrections/": self.bulk_correction.pk,
            "runs/": self.run.pk,
            "indexes/": self.index.pk,
            "indexes/<int:pk>/": "activate",
            "lists/": self.query_list.pk,
            "quality/own/": self.measurement.pk,
        }

    def probes(self) -> list[dict[str, object]]:
        """Return GET parameters that ask for private things by word, by name and by id."""
        return [
            {"q": "shelters have no water", "kind": "claim"},
            {"q": "water", "corpus": self.corpus.slug},
            {"q": "water", "since": "1999-03-01", "until": "1999-03-31"},
            {"q": "water", "passage": self.passage.pk},
            {"q": "water", "item": self.pool_item.pk},
            {"q": "water", "after": self.pool_item.pk, "judged": self.pool_item.pk},
            {"q": "water", "deleted": self.saved.pk},
            {"q": CANARY},
        ]


@pytest.fixture(autouse=True)
def from_elsewhere(client):
    """This machine itself may see some pages that others may not."""
    client.defaults["REMOTE_ADDR"] = "203.0.113.9"


@pytest.fixture
def public(index, run_jobs):
    corpus = CorpusFactory(slug="reports", name="Reports")
    for text in ("The levee failed at dawn.", "There is no water in the shelters.", "Power is back."):
        PassageFactory(document=DocumentFactory(corpus=corpus, title="Sitrep"), text=text)
    request_embedding(index_id=index.pk)
    return corpus


@pytest.fixture
def member(db):
    return UserFactory(analyst=True, username="member")


@pytest.fixture
def world(public, index, member):
    return World(index, member)


@pytest.fixture(params=["manager", "analyst"])
def stranger(request, client, public):
    """Somebody who may do all that their role lets them, in the public corpus only."""
    person = UserFactory(username="stranger", analyst=request.param == "analyst")
    public.members.add(person)
    client.force_login(person)
    return person


def words_of(response) -> str:
    """Return all that an answer says: its headers, its body, what is inside a zip."""
    body = response.getvalue() if not response.streaming else b"".join(response.streaming_content)
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            body += b"".join(archive.read(name) for name in archive.namelist())
    telling = {name: value for name, value in response.headers.items() if name not in SILENT}
    return str(telling) + body.decode("utf-8", "replace")


def said(response, probe: dict[str, object]) -> str:
    """Return what an answer says beyond what was asked: an answer may repeat the question."""
    words = words_of(response)
    return re.sub(REPEATED, "", words) if probe.get("q") == CANARY else words


#: The question itself, where an answer repeats it: in the box, the title, links and JSON.
REPEATED = (
    rf'value="{CANARY}"|<title>\s*{CANARY} ·|["?&;]q={CANARY}|"query": "{CANARY}"'
    rf"|q%3D{CANARY}|“{CANARY}”|<h1>{CANARY}</h1>|data-query=\"{CANARY}\""
)


def stable(words: str) -> str:
    """Leave out what differs each time: tokens, times, scores."""
    return re.sub(
        r"""FToken": "\w+|csrfmiddlewaretoken" value="\w+|csrftoken=\w+|nonce-[\w+/=-]+|nonce="[^"]+"""
        r"""|took_ms": [\d.]+|in [\d,]+ ms|dur=[\d.]+|<time.*?</time>|"score": [\d.]+|class="number">[\d.]+|\d+(\.\d+)? (s|seconds?|minutes?) ago""",
        "",
        words,
        flags=re.DOTALL,
    )


class TestEveryUrl:
    def test_says_nothing_of_a_private_corpus_to_a_stranger(self, client, stranger, world):
        tried = 0
        everything = {name: value for probe in world.probes() for name, value in probe.items()}
        for door in doors():
            url = door.url(world.filling())
            plain = _ask(client, url, {})
            if plain is None or stable(plain) == stable(_ask(client, url, everything) or ""):
                continue  # shut, or the same whatever one asks for
            for probe in world.probes():
                _ask(client, url, probe)
                tried += 1
        assert tried > 10

    def test_of_a_private_object_is_as_if_it_were_not_there(self, client, stranger, world):
        nowhere = dict.fromkeys(world.filling(), 987654321) | {"corpora/": "nowhere"}
        for door in doors():
            if not list(door.parameters()) or "<" in door.route.split("/")[0]:
                continue
            private, absent = client.get(door.url(world.filling())), client.get(door.url(nowhere | LITERAL))
            assert private.status_code == absent.status_code, door
            assert private.status_code in {302, 403, 404, 405}, door

    def test_sends_nobody_anything_but_the_way_to_the_login(self, client, world):
        for door in doors():
            response = client.get(door.url(world.filling()), {"q": CANARY})
            assert CANARY not in said(response, {"q": CANARY}).replace(f"%3Fq%3D{CANARY}", ""), door
            if door.name not in PUBLIC:
                assert response.status_code in {302, 403, 405}, door
                assert response.status_code != 302 or response.url.startswith(f"/{settings.LOGIN_URL}"), door

    def test_counts_nothing_of_it(self, client, stranger, public, index, member):
        asked = [(door.url({}), probe) for door in doors() if not list(door.parameters()) for probe in COUNTED]
        before = [stable(words_of(client.get(url, probe))) for url, probe in asked]
        World(index, member)
        for (url, probe), words in zip(asked, before, strict=True):
            now = stable(words_of(client.get(url, probe)))
            assert now == words, (url, probe, set(now.splitlines()) ^ set(words.splitlines()))

    def test_takes_no_post_to_it(self, client, stranger, world):
        form = {"q": CANARY, "intent": "QA", "passage": world.passage.pk, "grade": 1, "name": "taken", "confirm": "x"}
        before = _rows(world)
        for door in doors():
            if door.name in {"logout", "password"} or not list(door.parameters()):
                continue
            response = client.post(door.url(world.filling()), form)
            # What was undone already and what never was are answered alike: there is nothing left to undo.
            shut = {302} if door.name == "correction-undo" else {400, 403, 404, 405}
            assert response.status_code in shut, door
            assert CANARY not in words_of(response), door
        assert _rows(world) == before


def _ask(client, url: str, probe: dict[str, object]) -> str | None:
    """Return what a door says, the canary never being in it; None where it is shut."""
    response = client.get(url, probe, headers=HTMX if "kind" in probe else {})
    assert response.status_code < 500, (url, probe)
    words = said(response, probe)
    assert CANARY not in words, (url, probe)
    return None if response.status_code in {302, 403, 404, 405} else words


HTMX = {"HX-Request": "true", "HX-Target": "results"}
#: Further arguments of a private object's URL, which stay as they are when the object is another.
LITERAL: dict[str, object] = {
    "documents/<int:pk>/pages/": 1,
    "indexes/<int:pk>/": "activate",
    "corrections/": UUID(int=1),
}
COUNTED = [{}, {"q": "water"}, {"q": CANARY}]


def _rows(world: World) -> list[object]:
    """Return the private rows as they stand in the database."""
    kept = [world.corpus, world.document, world.passage, world.job, world.item, world.pool, world.member]
    kept += [world.saved, world.query_list, world.bulk_correction]
    return [type(row)._base_manager.values().get(pk=row.pk) for row in kept] + [Judgment.objects.count()]


class TestEveryGetParameter:
    def test_is_probed_or_known_to_be_harmless(self, world):
        probed = {name for probe in world.probes() for name in probe}
        for path in sorted(Path(settings.BASE_DIR, "apps").rglob("*.py")):
            for name in re.findall(r"""\.GET(?:\.get(?:list)?\(|\[)\s*["'](\w+)""", path.read_text()):
                assert name in probed | HARMLESS, (
                    f"{path}: say in `World.probes` how to ask for private things by {name}"
                )
