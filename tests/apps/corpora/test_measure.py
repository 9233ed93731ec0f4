import io
import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.corpora.duplicates.measuring import in_groups, in_pairs

DATA = Path(os.environ.get("DMSEARCH_DEV_DATA", Path(__file__).parents[4] / "shared/data"))
TEXTS = {
    "1": "At least 77 people were killed when a train derailed in Spain",
    "2": "RT @agency: At least 77 people were killed when a train derailed in Spain",
    "3": "At least 80 people were killed when a train derailed in Spain",
    "4": "The bridge at Crake Hollow is closed to lorries until Monday",
}


class TestScores:
    labels = {("1", "2"): True, ("1", "3"): False, ("3", "4"): True}

    def test_count_what_is_right_wrong_and_missed(self):
        for score in (in_pairs(self.labels, TEXTS), in_groups(self.labels, TEXTS)):
            assert (score.right, score.wrong, score.missed) == (1, 0, 1)
            assert (score.precision, score.recall) == (1.0, 0.5)


class TestCommand:
    def test_asks_for_the_data_that_is_not_ours_to_pass_on(self, tmp_path):
        with pytest.raises(CommandError, match="DMSEARCH_DEV_DATA"):
            call_command("measure", "duplicates", data=tmp_path)

    @pytest.mark.skipif(not DATA.is_dir(), reason="the development data are not on this machine (DMSEARCH_DEV_DATA)")
    def test_finds_metadata_as_well_as_the_documents_say(self):
        told = io.StringIO()
        call_command("measure", "metadata", data=DATA, stdout=told)
        for field, least in (("hazards", 0.85), ("places", 0.9), ("event", 0.9), ("language", 0.95)):
            line = next(line for line in told.getvalue().splitlines() if line.startswith(field))
            assert float(line.split("precision ")[1].split()[0]) >= least
