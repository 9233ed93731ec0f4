"""Real files of strangers, where this machine has them: what a reader would look for must come out."""

import os
from pathlib import Path

import pytest

from apps.corpora.extraction import BadRow, extract, guess_mapping
from apps.corpora.extraction.records import ExtractedDocument

FILES = Path(os.environ.get("DMSEARCH_DEV_DATA", Path(__file__).parents[5] / "shared/data")) / "files"

pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason="the real files are not on this machine (DMSEARCH_DEV_DATA)")


def read(name: str) -> list[ExtractedDocument | BadRow]:
    return list(extract(FILES / name, name=Path(name).name))


class TestRealFiles:
    @pytest.mark.parametrize(
        ("name", "title", "date", "words"),
        [
            (
                "guinea_ebola_sitrep_111_fr.pdf",
                "Rapport de la Situation Epidémiologique",
                "2014-08-05",
                "Confirmés (décés) | 351 (228) | 78 (32) | 188 (152)",
            ),
            (
                "liberia_moh_ebola_sitrep_202.pdf",
                "Liberia Ebola Daily Sitrep no. 202 for 3rd December 2014",
                "2014-12-03",
                "NATIONAL 36 22 14 19 7719 3075 1814 2830 3177",
            ),
            (
                "ocha_drc_ebola_update_10_2014-09-12.pdf",
                "UPDATE ON THE EBOLA VIRUS DISEASE IN DRC",
                "2014-09-12",
                "12 alerts including one with death in Kokolo military camp in Kinshasa, a second reported in Kambove in Katanga",
            ),
            (
                "fema_ics_for_schools.pdf",
                "ICS for Schools",
                None,
                "School personnel are likely to be the first on the scene when",
            ),
            (
                "ready_gov_flood.pdf",
                "BE PREPARED FOR A FLOOD",
                None,
                "Flooding is a temporary overflow of water onto land that is normally dry.",
            ),
            (
                "txt_nws/TOR.txt",
                "TORNADO WARNING, NATIONAL WEATHER SERVICE JACKSON MS",
                "2005-08-29",
                "ARE URGEST TO SEEK A STURDY SHELTER IMMEDIATELY!",
            ),
            (
                "pptx/IS0700bVIS06.pptx",
                "Lesson 6: Other NIMS Structures and Interconnectivity",
                None,
                "Conducting rumor monitoring and response",
            ),
            (
                "markdown/fm3-05-70_04.md",
                "REQUIREMENTS FOR MAINTENANCE OF HEALTH",
                None,
                "4-2. Your body loses water through normal body processes",
            ),
        ],
    )
    def test_say_what_they_are_and_hold_their_words(self, name, title, date, words):
        (document,) = read(name)
        assert document.title == title
        assert (document.published_at.date().isoformat() if document.published_at else None) == date
        assert words in document.text

    def test_of_records_give_a_document_a_row(self):
        storms = read("csv/noaa_storm_events_nyc_flash_flood.csv")
        assert len(storms) == 378
        assert storms[0].external_id == "5583680"
        assert storms[0].published_at.date().isoformat() == "1996-07-03"

    def test_of_lessons_have_their_columns_known(self):
        mapping = guess_mapping(FILES / "xlsx/ifrc_test_case.xlsx", name="ifrc_test_case.xlsx")
        assert mapping.text == ("Excerpt",)
        assert mapping.id == "ID"

    def test_lose_the_header_that_stands_on_every_page(self):
        (manual,) = read("fema_is100c_student_manual.pdf")
        assert manual.text.count("An Introduction to the Incident Command System, ICS 100") < 5
        assert len(manual.page_starts) == 160
