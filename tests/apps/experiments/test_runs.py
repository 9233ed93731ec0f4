import json
import sys
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from apps.experiments import runs_process
from apps.experiments.models import Adaptation
from apps.experiments.runs import RunGone
from apps.retrievers.own import models_folder
from tests.factories import CorpusFactory, DocumentTextFactory, UserFactory

pytestmark = pytest.mark.django_db
LINE = {"before": 40.0, "after": 45.0, "queries": 50, "low": 1.0, "high": 9.0, "p_better": 0.01, "p_worse": 0.99}
REPORT = {"reason": "Better.", "intents": {"QA": LINE | {"better": True}}, "overall": LINE | {"better": True}}


@pytest.fixture(autouse=True)
def state(settings, tmp_path, monkeypatch):
    settings.STATE_DIR = tmp_path
    monkeypatch.setenv("DMSEARCH_HOME", str(tmp_path))


@pytest.fixture
def run():
    text = DocumentTextFactory(document__title="Floods", text="The levee failed.", headings=[[0, 1]])
    return Adaptation.objects.create(corpus=text.document.corpus, model="all-MiniLM-L6-v2", name="ours")


@pytest.fixture
def admin(client):
    client.force_login(UserFactory(admin=True))
    return client


@pytest.fixture
def trainer(monkeypatch):
    """Stand in for the trainer with a few lines of Python that see its arguments as `sys.argv`."""

    start = runs_process.subprocess.Popen

    def trainer(code):
        def popen(command, **options):
            return start([sys.executable, "-c", code, *command[4:]], **options)

        monkeypatch.setattr(runs_process.subprocess, "Popen", popen)
        monkeypatch.setattr(runs_process, "_LOOK_S", 0.05)

    return trainer


WRITES_A_REPORT = f"""
import json, sys
from pathlib import Path
out = Path(sys.argv[sys.argv.index("--out") + 1])
(out / "train" / "model").mkdir(parents=True)
(out / "train" / "model" / "config.json").write_text("new")
report = json.loads('{json.dumps(REPORT)}') | {{"model": str(out / "train" / "model")}}
(out / "report.json").write_text(json.dumps(report))
print("read", Path(sys.argv[1]).read_text())
"""


class TestCarryOut:
    def test_hands_the_corpus_over_and_takes_a_better_model(self, run, trainer):
        trainer(WRITES_A_REPORT)
        run.mark_running()
        runs_process.carry_out(run)
        run.refresh_from_db()
        assert (run.state, run.reason) == ("DONE", "Better.")
        assert (models_folder() / "ours" / "config.json").read_text() == "new"
        (line,) = (run.folder / "documents.jsonl").read_text().splitlines()
        written = json.loads(line)
        assert (written["title"], written["text"], written["headings"]) == ("Floods", "The levee failed.", [[0, 1]])
        assert "levee" in runs_process.log_tail(run)[-1]

    def test_leaves_a_model_that_is_not_better(self, run, trainer):
        trainer(WRITES_A_REPORT + "sys.exit(4)")
        run.mark_running()
        runs_process.carry_out(run)
        assert run.state == "REFUSED"
        assert run.report["overall"]["after"] == 45.0
        assert not models_folder().exists()

    def test_keeps_the_last_words_of_a_trainer_that_failed(self, run, trainer):
        trainer("import sys; print('The corpus gives 3 examples'); sys.exit(1)")
        run.mark_running()
        runs_process.carry_out(run)
        assert (run.state, run.reason) == ("FAILED", "The corpus gives 3 examples")

    def test_says_what_nobody_expected(self, run, trainer):
        trainer("")  # ends well, and leaves no report
        run.mark_running()
        with pytest.raises(FileNotFoundError):
            runs_process.carry_out(run)
        assert run.state == "FAILED"
        assert "report.json" in run.reason

    def test_leaves_a_run_alone_that_was_sent_back_meanwhile(self, run, trainer):
        trainer("import time; time.sleep(60)")
        run.mark_running()
        Adaptation.objects.update(state="WAITING")
        runs_process.carry_out(run)
        run.refresh_from_db()
        assert run.state == "WAITING"

    def test_stops_a_trainer_whose_run_is_cancelled(self, run, trainer):
        trainer("import time; time.sleep(60)")
        run.mark_running()
        run.cancel()
        runs_process.carry_out(run)
        assert run.state == "CANCELLED"


class TestAdaptation:
    def test_that_nobody_heard_of_waits_again_and_is_taken_once(self, run):
        run.mark_running()
        assert Adaptation.objects.send_back_lost() == 0
        Adaptation.objects.update(heard_at=timezone.now() - timedelta(minutes=2))
        assert Adaptation.objects.send_back_lost() == 1
        assert not run.hear()
        assert Adaptation.objects.take_next() == run
        assert Adaptation.objects.take_next() is None

    def test_can_be_retried_only_where_it_stopped(self, run):
        with pytest.raises(RunGone):
            run.retry()
        run.cancel()
        run.retry()
        run.refresh_from_db()
        assert (run.state, run.reason) == ("WAITING", "")


class TestRunPages:
    url = reverse("runs")

    def test_are_for_admins(self, client, run):
        client.force_login(UserFactory(analyst=True))
        assert client.get(self.url).status_code == 403
        assert client.post(self.url, {}).status_code == 403
        assert client.get(run.get_absolute_url()).status_code == 403
        assert client.post(reverse("run-cancel", args=[run.pk])).status_code == 403

    def test_say_what_to_do_next_where_there_is_nothing(self, admin):
        assert "make a corpus" in admin.get(self.url).text
        CorpusFactory()
        assert "manage.py adapt" in admin.get(self.url).text

    def test_start_a_run_under_a_name_of_its_own(self, admin):
        corpus = CorpusFactory(name="Flood reports")
        response = admin.post(self.url, {"corpus": corpus.pk, "model": "all-MiniLM-L6-v2", "with_judgments": "on"})
        run = Adaptation.objects.get()
        assert response.url == run.get_absolute_url()
        assert run.name.startswith("flood-reports-")
        assert (run.state, run.created_by.is_admin) == ("WAITING", True)

    def test_refuse_models_and_names_that_will_not_do(self, admin, run):
        wrong = {"corpus": run.corpus.pk, "model": "all-MiniLM-L7", "name": "ours"}
        response = admin.post(self.url, wrong)
        assert response.status_code == 400
        assert "Did you mean" in response.text
        assert "a model called ours already" in response.text
        assert "not a model that learns" in admin.post(self.url, wrong | {"model": "hashing"}).text
        assert "dashes" in admin.post(self.url, wrong | {"name": "../x"}).text

    def test_show_progress_log_curve_and_comparison(self, admin, run):
        run.mark_running()
        (run.folder / "out" / "train").mkdir(parents=True)
        told = {"stage": "level 2", "done": 7, "total": 20, "left_s": 90}
        (run.folder / "out" / "train" / "progress.json").write_text(json.dumps(told))
        (run.folder / "out" / "train" / "curve.svg").write_text("<svg><style>x{}</style><text>Loss</text></svg>")
        (run.folder / "log").write_text("level 2: <7> of 20\n")
        text = admin.get(run.get_absolute_url()).text
        assert "Level 2:</strong> 7 of 20" in text
        assert "&lt;7&gt;" in text
        assert "<svg><text>Loss</text></svg>" in text
        run.end(Adaptation.State.DONE, "Better.", report=REPORT)
        text = admin.get(run.get_absolute_url()).text
        assert "45.0†" in text
        assert "index create ours" in text

    def test_cancel_and_retry(self, admin, run):
        admin.post(reverse("run-cancel", args=[run.pk]))
        run.refresh_from_db()
        assert run.state == "CANCELLED"
        admin.post(reverse("run-retry", args=[run.pk]))
        run.refresh_from_db()
        assert run.state == "WAITING"
        assert "not one that stopped" in admin.post(reverse("run-retry", args=[run.pk]), follow=True).text


class TestAdaptCommand:
    def test_tells_the_comparison_and_fails_where_nothing_was_gained(self, run, trainer, capsys):
        run.cancel()
        trainer(WRITES_A_REPORT)
        call_command("adapt", run.corpus.slug, model="all-MiniLM-L6-v2", name="another")
        said = capsys.readouterr().out
        assert "+5.0†" in said
        assert "index create another" in said
        trainer("import sys; print('Too little'); sys.exit(1)")
        with pytest.raises(CommandError, match="Too little"):
            call_command("adapt", run.corpus.slug, model="all-MiniLM-L6-v2", name="third")

    def test_names_what_is_missing(self):
        with pytest.raises(CommandError, match="no corpus 'nowhere'"):
            call_command("adapt", "nowhere")
        with pytest.raises(CommandError, match="Name a corpus"):
            call_command("adapt")
