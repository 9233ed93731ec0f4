import re
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.urls import reverse
from django.utils import timezone

from apps.corpora.models import Document
from apps.indexing.measured import Measurement
from apps.indexing.models import PendingVector, VectorIndex
from apps.ingestion.exercise import SHELVES
from apps.operations.metrics import documents_of_people
from tests.factories import DocumentFactory, JobItemFactory, PassageFactory, UserFactory

URL = "/metrics"


class TestWhoMayRead:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000"])
    def test_this_machine(self, client, db, host):
        response = client.get(URL, headers={"Host": host})
        assert response.status_code == 200
        assert response["Content-Type"].startswith("text/plain; version=")

    def test_no_stranger(self, client, db):
        assert client.get(URL, REMOTE_ADDR="192.0.2.7").status_code == 403

    @pytest.mark.parametrize(
        "trace",
        [
            {"X-Forwarded-For": "192.0.2.7"}, {"Forwarded": "for=192.0.2.7"}, {"X-Real-IP": "192.0.2.7"},
            {"Via": "1.1 gate"}, {"X-Forwarded-Proto": "http"}, {"X-Forwarded-Host": "search.example"},
            {"Host": "search.example"},
        ],
    )  # fmt: skip
    def test_nobody_whom_a_proxy_passes_on(self, client, db, settings, trace):
        settings.ALLOWED_HOSTS = ["*"]
        assert client.get(URL, headers={"Host": "localhost", **trace}).status_code == 403

    def test_nobody_by_address_alone_where_a_token_is_set(self, client, db, settings):
        """A proxy may leave no trace at all: nginx does not unless it is told to."""
        settings.METRICS_TOKEN = "s3cret"
        assert client.get(URL, headers={"Host": "localhost"}).status_code == 403

    @pytest.mark.parametrize(("shown", "status"), [("Bearer s3cret", 200), ("Bearer wrong", 403), ("", 403)])
    def test_who_shows_the_token(self, client, db, settings, shown, status):
        settings.METRICS_TOKEN = "s3cret"
        response = client.get(URL, REMOTE_ADDR="192.0.2.7", headers={"Authorization": shown})
        assert response.status_code == status

    def test_an_admin_but_no_analyst(self, client, db):
        for user, status in ((UserFactory(admin=True), 200), (UserFactory(analyst=True), 403)):
            client.force_login(user)
            assert client.get(URL, REMOTE_ADDR="192.0.2.7").status_code == status


class TestWhatIsTold:
    @pytest.fixture
    def scrape(self, client, db):
        return lambda: client.get(URL, headers={"Host": "localhost"}).text

    def test_how_long_the_oldest_file_waits(self, scrape):
        JobItemFactory()
        assert _seconds(scrape(), "ingest") > 0

    def test_that_a_passage_waits_for_a_new_index_since_that_was_made(self, scrape, index):
        passage = PassageFactory()
        Document.objects.update(created_at=timezone.now() - timedelta(days=400))
        VectorIndex.objects.update(created_at=timezone.now() - timedelta(minutes=5))
        assert PendingVector.objects.filter(passage=passage).exists()
        assert _seconds(scrape(), "embed") == pytest.approx(300, abs=60)

    def test_what_waits_in_each_queue(self, scrape):
        text = scrape()
        for queue in ("ingest", "embed", "maintenance", "query", "lists"):
            assert f'dmsearch_queue_messages{{queue="{queue}"}}' in text
            assert f'dmsearch_workers{{queue="{queue}"}}' in text

    def test_requests_by_view_and_the_stages_of_a_search(self, scrape, client, index):
        client.force_login(UserFactory())
        client.get(reverse("search"), {"q": "a query whose vector no other test has left in the cache"})
        text = scrape()
        assert 'dmsearch_requests_total{status="200",view="search"}' in text
        assert 'dmsearch_stage_seconds_count{stage="sql"}' in text
        assert 'dmsearch_searches_total{mode="words"}' in text

    def test_what_an_index_finds_by_its_last_certificate_and_how_old_that_is(self, scrape, index):
        assert f'dmsearch_index_recall{{index="{index.pk}"' not in scrape()
        index.certificates.create(
            state=Measurement.DONE,
            finished_at=timezone.now() - timedelta(hours=1),
            ef_search=40,
            recall=0.9,
            curve=[{"ef_search": 40, "recall": 0.9}, {"ef_search": index.ef_search, "recall": 0.97}],
        )
        text = scrape()
        assert f'dmsearch_index_recall{{index="{index.pk}",retriever="hashing"}} 0.97' in text
        age = re.search(
            rf'dmsearch_index_certificate_age_seconds{{index="{index.pk}",retriever="hashing"}} ([\d.]+)', text
        )
        assert 3600 <= float(age[1]) < 3700

    def test_strangers_addresses_make_no_series(self, scrape, client):
        client.get("/no/such/page")
        assert "no/such" not in scrape()

    def test_the_checks_of_the_status_page(self, scrape):
        assert 'dmsearch_check{check="database"} 0.0' in scrape()

    def test_a_database_that_is_away(self, scrape, monkeypatch):
        def away():
            raise OperationalError("connection refused")

        monkeypatch.setattr("apps.operations.metrics._ages", away)
        text = scrape()
        assert 'dmsearch_up{server="database"} 0.0' in text
        assert 'dmsearch_up{server="broker"} 1.0' in text


def _seconds(text, queue):
    lines = (line for line in text.splitlines() if line.startswith(f'dmsearch_queue_oldest_seconds{{queue="{queue}"}}'))
    return float(next(lines).split()[-1])


class TestDocumentsOfPeople:
    def test_the_exercise_is_nothing_to_lose(self, db):
        for shelf in SHELVES:
            DocumentFactory(corpus__slug=shelf.slug)
        assert not documents_of_people()
        DocumentFactory()
        assert documents_of_people()
