"""Judgments as files that the evaluation reads."""

import io
import json
import re
import zipfile

import pytest
from django.core.management import CommandError, call_command

from apps.retrievers.intents import Intent
from tests.apps.feedback.conftest import LEVEE
from tests.factories import DocumentFactory, PassageFactory, UserFactory
from workers.evaluation.beir import read_beir
from workers.evaluation.trec import read_trec

pytestmark = pytest.mark.django_db
CLAIM = "The dam\u2028has “failed”."


@pytest.fixture
def other(passage):
    """A second passage of the corpus; its text has what breaks lines and tables."""
    document = DocumentFactory(corpus=passage.corpus, title='=HYPERLINK("x")\t"Title"')
    return PassageFactory(document=document, text='A "quoted"\ttable\nof levees.\u2028End.')


@pytest.fixture
def judgments(passage, other, analyst, judge):
    ben, cy = UserFactory(analyst=True, username="ben"), UserFactory(analyst=True, username="cy")
    for who, grade in [(analyst, 3), (ben, 3), (cy, 0)]:
        judge(who, grade, passage)
    judge(analyst, 0, other)
    judge(ben, 2, other, text=CLAIM, intent=Intent.FACTCHECK)
    return passage.corpus


def unzipped(response, folder):
    with zipfile.ZipFile(io.BytesIO(b"".join(response))) as archive:
        archive.extractall(folder)
    return folder


def graded(collection):
    """The grades by query text and passage id."""
    texts = {query.id: query.text for query in collection.queries}
    return {(texts[query], passage): grade for query, of in collection.qrels.items() for passage, grade in of.items()}


class TestDownload:
    url = "/judging/export"

    def download(self, client, **chosen):
        return client.get(self.url, {"format": "beir", "combine": "majority", "extent": "corpora", **chosen})

    def test_of_beir_is_read_by_the_evaluation(self, signed_in, judgments, passage, other, tmp_path):
        unread = PassageFactory(document=DocumentFactory(corpus=judgments))
        response = self.download(signed_in)
        assert response["Content-Disposition"] == 'attachment; filename="judgments-beir.zip"'
        collection = read_beir(unzipped(response, tmp_path))
        assert {(q.text, q.intent) for q in collection.queries} == {(LEVEE, Intent.QA), (CLAIM, Intent.FACTCHECK)}
        assert {(p.id, p.title, p.text) for p in collection.passages} == {
            (str(p.pk), p.document.title, p.text) for p in (passage, other, unread)
        }
        assert graded(collection) == {
            (LEVEE, str(passage.pk)): 3,
            (LEVEE, str(other.pk)): 0,
            (CLAIM, str(other.pk)): 2,
        }

    def test_of_trec_is_read_by_the_evaluation(self, signed_in, judgments, passage, other, tmp_path):
        folder = unzipped(self.download(signed_in, format="trec"), tmp_path)
        collection = read_trec(folder)
        assert graded(collection)[CLAIM, str(other.pk)] == 2
        intents = dict(line.split("\t") for line in (folder / "intents.tsv").read_text().splitlines())
        assert {q.text: intents[q.id] for q in collection.queries} == {LEVEE: "QA", CLAIM: "FactCheck"}

    def test_says_how_several_judges_became_one(self, signed_in, judgments, passage, tmp_path):
        folder = unzipped(self.download(signed_in, combine="mean"), tmp_path)
        assert graded(read_beir(folder))[LEVEE, str(passage.pk)] == 2
        readme = (folder / "README.txt").read_text()
        assert "2 queries; 5 judgments by 3 judges" in readme
        assert "the mean of the judges' grades" in readme

    def test_keeps_every_judges_own_grade_without_their_name(self, signed_in, judgments, passage, tmp_path):
        folder = unzipped(self.download(signed_in), tmp_path)
        lines = (folder / "judgments.jsonl").read_text()
        given = [json.loads(line) for line in lines.splitlines()]
        assert [(g["judge"], g["grade"]) for g in given if g["passage_id"] == passage.pk] == [(1, 3), (2, 3), (3, 0)]
        assert not re.search(r"\b(ana|ben|cy)\b", lines)

    def test_can_take_judged_passages_only(self, signed_in, judgments, passage, other, tmp_path):
        PassageFactory(document=DocumentFactory(corpus=judgments))
        collection = read_beir(unzipped(self.download(signed_in, extent="judged"), tmp_path))
        assert {p.id for p in collection.passages} == {str(passage.pk), str(other.pk)}

    def test_holds_nothing_that_one_may_not_read(self, signed_in, judgments, secret, judge, tmp_path):
        judge(UserFactory(admin=True), 3, secret, text="Where is the levee weak?")
        folder = unzipped(self.download(signed_in), tmp_path)
        everything = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
        assert LEVEE in everything
        assert "weak" not in everything
        assert "5 judgments by 3 judges" in everything

    @pytest.mark.parametrize("chosen", [{}, {"format": "exe"}, {"combine": ""}])
    def test_says_so_where_there_is_nothing(self, signed_in, chosen):
        response = self.download(signed_in, **chosen)
        assert response.url == "/judging/"
        assert "notice-error" in signed_in.get(response.url).text

    def test_is_not_for_managers(self, client, judgments):
        client.force_login(UserFactory())
        assert self.download(client).status_code == 403


class TestCommand:
    def test_writes_a_folder(self, judgments, passage, tmp_path, capsys):
        call_command("export_judgments", str(tmp_path / "set"))
        assert graded(read_beir(tmp_path / "set"))[LEVEE, str(passage.pk)] == 3
        assert "2 queries, 3 graded passages from 5 judgments by 3 judges (majority)" in capsys.readouterr().out

    def test_writes_a_zip(self, judgments, tmp_path):
        call_command("export_judgments", str(tmp_path / "set.zip"), format="trec", passages="judged")
        assert sorted(zipfile.ZipFile(tmp_path / "set.zip").namelist()) == [
            "README.txt",
            "corpus.jsonl",
            "intents.tsv",
            "judgments.jsonl",
            "qrels.txt",
            "topics.tsv",
        ]

    def test_keeps_to_some_queries(self, judgments, tmp_path):
        lines = tmp_path / "queries.txt"
        lines.write_text(f"{LEVEE}\nQA: {CLAIM}\n")
        call_command("export_judgments", str(tmp_path / "set"), queries=lines)
        assert [q.text for q in read_beir(tmp_path / "set").queries] == [LEVEE]

    def test_keeps_to_the_rights_of_a_person(self, secret, judge, tmp_path):
        judge(UserFactory(admin=True), 3, secret)
        UserFactory(analyst=True, username="eve")
        with pytest.raises(CommandError, match="No judgment matches"):
            call_command("export_judgments", str(tmp_path / "set"), user="eve")
        call_command("export_judgments", str(tmp_path / "set"))

    def test_writes_over_nothing(self, judgments, tmp_path):
        with pytest.raises(CommandError, match="is there already"):
            call_command("export_judgments", str(tmp_path))

    @pytest.mark.parametrize(
        ("option", "value", "said"),
        [("--user", "nobody", "no active user"), ("--queries", "missing", "cannot be read")],
    )
    def test_says_what_it_cannot_find(self, judgments, tmp_path, option, value, said):
        with pytest.raises(CommandError, match=said):
            call_command("export_judgments", str(tmp_path / "set"), option, value)


class TestJudgingPage:
    def test_says_what_to_do_first(self, signed_in):
        page = signed_in.get("/judging/").text
        assert "Make the first pool" in page
        assert "Nothing is judged yet" in page
        assert "Download zip" not in page

    def test_shows_what_is_judged_and_how_judges_agree(self, signed_in, judgments):
        context = signed_in.get("/judging/").context
        assert [(r.label, r.queries, r.judgments, r.relevant) for r in context["intents"]] == [
            ("Question → passages", 1, 4, 2),
            ("Claim → evidence", 1, 1, 1),
        ]
        assert [(pair.judges, pair.items, pair.percent) for pair in context["agreement"].pairs] == [
            (("ana", "ben"), 1, 100),
            (("ana", "cy"), 1, 0),
            (("ben", "cy"), 1, 0),
        ]

    def test_counts_nothing_that_one_may_not_read(self, signed_in, secret, judge):
        judge(UserFactory(admin=True), 3, secret)
        judge(UserFactory(admin=True), 3, secret)
        context = signed_in.get("/judging/").context
        assert context["intents"] == context["agreement"].pairs == []

    def test_is_in_the_menu_of_those_who_judge(self, client, db):
        client.force_login(UserFactory())
        assert "/judging/" not in client.get("/help/").text
        assert client.get("/judging/").status_code == 403
        client.force_login(UserFactory(analyst=True))
        assert "/judging/" in client.get("/help/").text
