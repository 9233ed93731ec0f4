"""What a language model would be asked for a corpus, said before it is asked: tokens, money, minutes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from apps.corpora.models import Corpus, Passage
from apps.retrievers.intents import Intent

_PATIENCE_S = 30


class NoEstimate(Exception):
    """It could not be told; the message says why."""


def estimate(corpus: Corpus, *, passages: int, intents: Sequence[str]) -> str:
    """Return what writing examples of `passages` passages would take, in the words of `workers.refinement`."""
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "passages.jsonl"
        _write(corpus, sample, count=passages)
        asked = ["--endpoint", settings.LLM_ENDPOINT, "--model", settings.LLM_MODEL, "--grounded", "--out", folder]
        asked += ["--prompt-price", str(settings.LLM_PROMPT_PRICE)]
        asked += ["--completion-price", str(settings.LLM_COMPLETION_PRICE), "--intents", *(intents or Intent)]
        command = [sys.executable, "-m", "workers.refinement", "synthesize", str(sample), *asked, "--estimate"]
        try:
            done = subprocess.run(
                command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired as late:
            raise NoEstimate("The estimate takes too long at the moment. Ask about fewer passages.") from late
    if done.returncode:
        raise NoEstimate(f"No estimate: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no reason'}")
    return done.stdout.strip()


def _write(corpus: Corpus, path: Path, *, count: int) -> None:
    found = Passage.objects.filter(corpus=corpus).order_by("pk").values_list("pk", "text")[:count]
    with path.open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps({"_id": str(pk), "text": text}, ensure_ascii=False) + "\n" for pk, text in found.iterator()
        )
