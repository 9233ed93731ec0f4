from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.indexing import services
from apps.retrievers.checkpoints import CheckpointMissing
from apps.retrievers.family import UnknownRetriever


class Command(BaseCommand):
    help = "Make the vector index of the chosen retriever if there is none; `manage.py run` does this by itself."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            index = services.ensure_index()
        except (CheckpointMissing, UnknownRetriever) as failure:
            raise CommandError(str(failure)) from failure
        progress = services.progress(index)
        self.stdout.write(
            f"{index.retriever} at {index.revision[:12]}: {index.get_status_display().lower()}, "
            f"{progress.stored} vectors, {progress.owed} owed, {progress.set_aside} set aside"
        )
