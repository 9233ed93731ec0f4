import json

import pytest

from apps.corpora.extraction import Heading
from apps.retrievers.intents import Intent
from tests.workers.refinement.conftest import LONG, lines
from workers.records import Triple, read_jsonl
from workers.refinement.__main__ import main
from workers.refinement.documents import SourceDocument, read_documents
from workers.refinement.examples import Example
from workers.refinement.pairs import PairMaker, Survey


def make(kind, *documents):
    """Return the pairs of one kind and what was dropped."""
    maker = PairMaker([kind], survey=Survey(lambda: documents))
    return [pair for document in documents for pair in maker.pairs(document)], maker.dropped


def document(text=LONG, *, id="d", title="", **more):
    return SourceDocument(id=id, title=title, text=text, **more)


class TestTitlePairs:
    def test_ask_for_the_body_by_the_title(self):
        (pair,), _ = make("title", document(title="North levee fails"))
        assert (pair.triple.query, pair.triple.positives) == ("North levee fails", (LONG,))
        assert (pair.triple.intent, pair.source) == (Intent.QADOC, "d")

    def test_do_not_repeat_the_title_in_the_body(self):
        (pair,), _ = make("title", document(f"North levee fails\n{LONG}", title="North levee fails"))
        assert pair.triple.positives == (LONG,)

    def test_leave_out_a_title_that_stands_over_several_documents(self):
        pairs, dropped = make(
            "title", document(title="Situation report of May"), document(id="e", title="situation report of  May")
        )
        assert pairs == []
        assert dropped == {("title", "the title stands over several documents"): 2}

    def test_end_the_body_with_a_whole_sentence_where_a_retriever_stops_reading(self):
        (pair,), _ = make("title", document(f"{LONG} " * 40, title="North levee fails"))
        words = pair.triple.positives[0].split()
        assert 320 < len(words) <= 350
        assert words[-1] == "dawn."


class TestHeadingPairs:
    def test_ask_for_the_section_by_title_and_heading(self):
        text = f"Shelters\n{LONG}\nBoats\n{LONG} Bring ropes."
        headings = (Heading(0, 1), Heading(text.index("Boats"), 2))
        pairs, _ = make("heading", document(text, title="Flood manual", headings=headings))
        assert [pair.triple.query for pair in pairs] == ["Flood manual: Shelters", "Flood manual: Boats"]
        assert pairs[1].triple.positives == (f"{LONG} Bring ropes.",)

    def test_leave_out_an_empty_section(self):
        text = f"Part one of the manual\nShelters\n{LONG}"
        pairs, dropped = make("heading", document(text, headings=(Heading(0, 1), Heading(text.index("She"), 2))))
        assert dropped == {("heading", "the positive is too short"): 1, ("heading", "the query is too short"): 1}


class TestSpanPairs:
    text = " ".join(
        f"In hour {number} the water in street {number} rose by {number} more centimetres." for number in range(20)
    )

    def test_cut_two_places_of_a_text_that_do_not_overlap(self):
        pairs, _ = make("span", document(self.text))
        assert len(pairs) == 2
        for pair in pairs:
            query, positive = pair.triple.query, pair.triple.positives[0]
            assert query in self.text
            assert positive in self.text
            assert query not in positive
            assert positive.endswith("centimetres.")

    def test_are_the_same_each_time(self):
        assert make("span", document(self.text)) == make("span", document(self.text))

    def test_need_text_enough(self):
        assert make("span", document("One sentence. And another one.")) == ([], {})


class TestEventPairs:
    def test_ask_for_the_episode_by_the_event(self):
        episode = document(id="ep-1")
        event = document("Trees fell on the road.", id="ev-1", title="Wind at Lovely", episode="ep-1")
        (pair,), _ = make("event", event, episode)  # the episode may come later
        assert pair.triple.query == "Wind at Lovely. Trees fell on the road."
        assert pair.triple.positives == (LONG,)
        assert Example.from_json(pair.to_json()) == pair
        assert pair.episode == "ep-1"


class TestReadDocuments:
    def test_reads_noaas_table_of_storm_events(self, write):
        header = "EVENT_ID,CZ_NAME_STR,BEGIN_DATE,EVENT_TYPE,EPISODE_ID,EVENT_NARRATIVE,EPISODE_NARRATIVE\n"
        rows = f"7,QUEENS CO.,07/03/1996,Flash Flood,9,Cars were trapped.,{LONG}\n8,KINGS CO.,07/03/1996,Flash Flood,9,A roof fell.,{LONG}\n"
        episode, first, second = read_documents([write("storms.csv", header + rows)])
        assert (episode.id, episode.text) == ("episode-9", LONG)
        assert (first.title, first.episode) == ("Flash Flood at QUEENS CO., 07/03/1996", "episode-9")
        assert second.text == "A roof fell."

    def test_reads_files_that_ingestion_reads(self, write):
        path = write("manual.md", f"# Flood manual\n\n## Shelters\n\n{LONG}\n")
        (found,) = read_documents([path])
        assert found.title == "Flood manual"
        assert [found.text[each.start :].split("\n")[0] for each in found.headings][-1] == "Shelters"

    def test_names_the_line_that_is_no_document(self, write):
        with pytest.raises(ValueError, match=r"d\.jsonl, line 2"):
            list(read_documents([write("d.jsonl", '{"_id": "1", "text": "x"}\n{"_id": "2"}\n')]))


class TestPairsCommand:
    @pytest.fixture
    def arguments(self, write, tmp_path):
        documents = [{"_id": str(number), "title": f"Levee number {number}", "text": LONG} for number in range(8)]
        return ["pairs", str(write("documents.jsonl", documents)), "--kinds", "title", "--out", str(tmp_path / "run")]

    def test_writes_pairs_that_training_reads_and_a_report(self, arguments, tmp_path):
        assert main(arguments) == 0
        assert len(list(read_jsonl(tmp_path / "run/pairs.jsonl", Triple))) == 8
        report = json.loads((tmp_path / "run/report.json").read_text())
        assert report == {"documents": 8, "kept": 8, "outcomes": {"title": {"kept": 8}}}

    def test_goes_on_in_the_middle_of_a_line(self, arguments, tmp_path):
        main(arguments)
        path = tmp_path / "run/pairs.jsonl"
        whole = path.read_text()
        path.write_text(whole[: len(whole) // 2])
        assert main(arguments) == 0
        assert path.read_text() == whole
        assert len(lines(path)) == 8

    def test_knows_documents_of_one_name_apart(self, arguments, write, tmp_path):
        more = write("more/documents.jsonl", [{"_id": "9", "title": "Another one", "text": LONG}])
        command, first, *options = arguments
        assert main([command, first, str(more), *options]) == 0
        settings = json.loads((tmp_path / "run/settings.json").read_text())
        assert list(settings["documents"]) == [first, str(more)]

    def test_refuses_to_go_on_with_other_documents(self, arguments, write, capsys):
        main(arguments)
        write("documents.jsonl", [{"_id": "9", "title": "Another", "text": LONG}])
        assert main(arguments) == 1
        assert "choose another folder" in capsys.readouterr().err
