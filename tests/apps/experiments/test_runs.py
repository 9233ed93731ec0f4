import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from datetime import timedelta
from threading import Thread

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from apps.experiments import runs_process
from apps.experiments.models import Adaptation
from apps.experiments.runs import RunGone
from apps.feedback.models import Judgment, Query
from apps.retrievers.intents import Intent
from apps.retrievers.own import models_folder
from tests.factories import CorpusFactory, DocumentTextFactory, PassageFactory, UserFactory

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


#: Two levels of one kind, and a report of each step.
WRITES_DATA = """
import json, sys
from pathlib import Path
out = Path(sys.argv[sys.argv.index("--out") + 1])
reports = {
    "pairs": {"documents": 9, "kept": 4, "outcomes": {"title": {"kept": 4, "too short": 5}}},
    "synthesize": {"stopped": "", "kept": 2, "outcomes": {"QA": {"kept": 2, "a refusal": 1}},
                   "tokens": {"prompt": 1200, "completion": 300}, "cost": 0.25},
    "agree": {"positives": {"QA": {"all": 2, "kept": 1}}, "found_good": {"small": 0.5, "large": 1.0},
              "pairs": [{"retrievers": ["small", "large"], "same": 0.5, "kappa": 0.0}]},
    "mine/title": {"levels": {"level-1": {"difficulty": [], "kept": 2}, "level-2": {"kept": 1, "dropped: none": 1}}},
}
for name, report in reports.items():
    (out / name).mkdir(parents=True)
    (out / name / "report.json").write_text(json.dumps(report))
(out / "mine" / "title" / "level-1.jsonl").write_text("{}\\n{}\\n")
(out / "mine" / "title" / "level-2.jsonl").write_text("{}\\n")
(out / "mine" / "title" / "level-3.jsonl").write_text("")
print(*sys.argv)
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

    def test_takes_what_was_said_last_for_the_reason_not_what_was_written_last(self, run, trainer, monkeypatch):
        monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
        trainer("import sys; print('4 pairs'); sys.stderr.write('The disk is full\\n'); sys.exit(1)")
        run.mark_running()
        runs_process.carry_out(run)
        assert run.reason == "The disk is full"

    def test_says_what_nobody_expected(self, run, trainer):
        trainer("")  # ends well, and leaves no report
        run.mark_running()
        with pytest.raises(FileNotFoundError):
            runs_process.carry_out(run)
        assert run.state == "FAILED"
        assert "report.json" in run.reason

    def test_writes_judgments_again_that_were_cut_off(self, run, trainer):
        passage = PassageFactory(document__corpus=run.corpus)
        query = Query.objects.of("which levee failed?", Intent.QA)
        Judgment.objects.record(UserFactory(analyst=True), query, passage=passage, grade=3)
        cut_off = run.folder / "judged" / "queries.jsonl"
        cut_off.parent.mkdir(parents=True)
        cut_off.write_text('{"_id": "q')
        trainer(WRITES_A_REPORT)
        run.mark_running()
        runs_process.carry_out(run)
        assert run.state == "DONE"
        assert json.loads(cut_off.read_text())["text"] == "which levee failed?"

    def test_leaves_no_trainer_behind_when_it_is_killed(self, run, trainer, tmp_path):
        trainer("import time; time.sleep(60)")
        started = []
        with (tmp_path / "log").open("ab") as log:
            watcher = Thread(target=lambda: started.append(runs_process._start(run, [], log=log)))
            watcher.start()  # to its trainer a thread that ends is a process that was killed
            watcher.join()
        assert started[0].wait(timeout=30) == -signal.SIGKILL

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

    def test_stops_at_the_data_where_only_they_are_asked_for(self, run, trainer):
        trainer(WRITES_DATA)
        run.only_data = True
        run.mark_running()
        runs_process.carry_out(run)
        run.refresh_from_db()
        assert (run.state, run.reason) == ("DATA", "3 examples with hard negatives. Nothing was trained yet.")
        assert "--only-data" in runs_process.log_tail(run)[-1]
        assert "--synthesize" not in runs_process.log_tail(run)[-1]

    def test_tells_the_trainer_whom_to_ask_for_how_much(self, run, trainer, settings):
        settings.LLM_ENDPOINT, settings.LLM_MODEL = "http://llm/v1", "writer"
        trainer(WRITES_DATA)
        run.only_data, run.passages_asked, run.intents, run.token_budget = True, 7, ["QA", "STS"], 50_000
        run.judges = ["all-MiniLM-L6-v2"]
        run.mark_running()
        runs_process.carry_out(run)
        said = runs_process.log_tail(run)[-1]
        assert "--endpoint http://llm/v1 --writer writer --synthesize 7 --intents QA STS --budget-tokens 50000" in said
        assert "--judges all-MiniLM-L6-v2" in said


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
        assert "from an end mark" in admin.post(self.url, wrong | {"model": "Qwen3-Embedding-0.6B"}).text
        assert "code shipped beside its weights" in admin.post(self.url, wrong | {"model": "gte-base-en-v1.5"}).text
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


class TestTrainingData:
    @pytest.fixture
    def made(self, run, trainer):
        trainer(WRITES_DATA)
        run.only_data = True
        run.mark_running()
        runs_process.carry_out(run)
        return run

    def test_are_told_step_by_step_with_what_was_dropped_and_why(self, admin, made):
        page = admin.get(made.get_absolute_url()).text
        for told in ("9 documents were read", "too short (5)", "a refusal (1)", "1,200 tokens read and 300 written, cost 0.25",
                     "too few retrievers find it (1)", "small and large say the same of 50 % (Cohen&#x27;s kappa 0.00)",
                     "Hard negatives found: title: 3", "Train with these data"):  # fmt: skip
            assert told in page, told

    def test_can_be_taken_elsewhere(self, admin, made):
        answer = admin.get(reverse("run-data", args=[made.pk]))
        assert answer["Content-Disposition"] == 'attachment; filename="ours-training-data.zip"'
        with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
            assert archive.read("mine/title/level-1.jsonl") == b"{}\n{}\n"
            assert {"mine/title/level-2.jsonl", "pairs/report.json"} < set(archive.namelist())
            assert "mine/title/level-3.jsonl" not in archive.namelist()

    def test_are_trained_on_when_one_says_so_and_once(self, admin, made):
        admin.post(reverse("run-train", args=[made.pk]))
        made.refresh_from_db()
        assert (made.state, made.only_data) == ("WAITING", False)
        assert "not one that stopped at its data" in admin.post(reverse("run-train", args=[made.pk]), follow=True).text

    def test_are_not_there_before_they_are_made(self, admin, run):
        assert admin.get(reverse("run-data", args=[run.pk])).status_code == 404

    def test_are_for_admins(self, client, made):
        client.force_login(UserFactory(analyst=True))
        assert client.get(reverse("run-data", args=[made.pk])).status_code == 403
        assert client.post(reverse("run-train", args=[made.pk])).status_code == 403
        assert client.post(reverse("run-estimate"), {}).status_code == 403


class TestLanguageModel:
    url = reverse("runs")

    @pytest.fixture
    def known(self, settings):
        settings.LLM_ENDPOINT, settings.LLM_MODEL = "http://127.0.0.1:9/v1", "qwen3-32b"
        settings.LLM_PROMPT_PRICE = 100.0

    def test_is_not_offered_where_none_is_known(self, admin, run):
        page = admin.get(self.url).text
        assert "LLM_ENDPOINT" in page
        assert "passages_asked" not in page
        with pytest.raises(CommandError, match="set LLM_ENDPOINT"):
            call_command("adapt", run.corpus.slug, synthesize=5)

    def test_is_asked_as_the_form_says(self, admin, known):
        corpus = CorpusFactory()
        assert "written by qwen3-32b" in admin.get(self.url).text
        asked = {"corpus": corpus.pk, "model": "all-MiniLM-L6-v2", "name": "ours", "only_data": "on"}
        asked |= {"passages_asked": 50, "intents": ["QA", "FactCheck"], "token_budget": 20_000}
        admin.post(self.url, asked | {"judges": ["all-MiniLM-L6-v2"]})
        run = Adaptation.objects.get()
        assert (run.passages_asked, run.intents, run.token_budget) == (50, ["QA", "FactCheck"], 20_000)
        assert (run.judges, run.only_data) == (["all-MiniLM-L6-v2"], True)

    def test_is_asked_nothing_where_the_field_is_empty(self, admin, known):
        admin.post(self.url, {"corpus": CorpusFactory().pk, "model": "all-MiniLM-L6-v2", "passages_asked": ""})
        assert Adaptation.objects.get().passages_asked == 0

    def test_has_its_price_told_before(self, admin, known):
        passage = PassageFactory(text="The levee failed at noon and water reached the village before the boats. " * 3)
        asked = {"corpus": passage.corpus.pk, "passages_asked": 50, "intents": ["QA"]}
        told = admin.post(reverse("run-estimate"), asked).text
        assert re.search(r"1 examples in 2 calls: about \d+ tokens to read and \d+ to write, cost 0\.0[1-9]", told)
        assert "Choose a corpus" in admin.post(reverse("run-estimate"), asked | {"passages_asked": ""}).text

    def test_is_priced_where_only_the_web_is_installed(self, tmp_path):
        (tmp_path / "passages.jsonl").write_text(json.dumps({"_id": "p", "text": "The levee failed at noon. " * 8}))
        absent = ["torch", "transformers", "sentence_transformers", "openvino", "onnxruntime", "scipy", "datasketch"]
        code = f"""
import sys
sys.modules.update(dict.fromkeys({absent}))
from workers.refinement.__main__ import main
sys.exit(main(["synthesize", "passages.jsonl", "--endpoint", "http://e/v1", "--model", "m", "--out", ".", "--estimate"]))
"""
        environment = {**os.environ, "PYTHONPATH": str(settings.BASE_DIR)}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert "6 examples in 12 calls" in done.stdout, done.stderr


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
