import json

import pytest

from apps.retrievers.intents import Intent
from workers.evaluation.disastir import read_disastir

EVENTS = ("Bio", "Chem", "Env", "Extra", "Geo", "MH", "Soc", "Tech")


@pytest.fixture
def folder(write, tmp_path):
    write(
        "DevLite/corpus.jsonl",
        [
            {"corpus_id": 10, "text": "Wash hands."},
            {"corpus_id": 11, "text": "Boil water."},
            {"corpus_id": 12, "text": "Wash hands."},
        ],
    )
    for intent in Intent:
        for event in EVENTS:
            write(
                f"DevLite/query/{intent}_{event}.json",
                json.dumps([{"query_id": 0, "user_query": "what to do "}], indent=1),
            )
            write(
                f"DevLite/qrels/{intent}_{event}_qrels.json",
                json.dumps(
                    [
                        {"user_query": "what to do", "passage": "Boil water.\n", "score": 3},
                        {"user_query": "what to do", "passage": "Never printed.", "score": 2},
                    ],
                    indent=1,
                ),
            )
    return tmp_path / "DevLite"


class TestReadDisastir:
    def test_has_forty_eight_tasks(self, folder):
        collection = read_disastir(folder)
        assert set(collection.tasks.values()) == {(intent, event) for intent in Intent for event in EVENTS}

    def test_keeps_queries_apart_whose_ids_start_again_in_every_file(self, folder):
        assert len(read_disastir(folder).queries) == 48

    def test_joins_judgments_by_text_whatever_space_is_around_it(self, folder):
        assert read_disastir(folder).qrels["QA_Bio/0"]["11"] == 3

    def test_a_judged_text_that_the_corpus_lacks_still_belongs_to_the_ideal(self, folder):
        collection = read_disastir(folder)
        assert sorted(collection.qrels["STS_MH/0"].values()) == [2, 3]
        assert {passage.id for passage in collection.passages} == {"10", "11"}

    def test_the_same_text_is_one_passage(self, folder):
        assert [passage.text for passage in read_disastir(folder).passages] == ["Wash hands.", "Boil water."]

    def test_two_queries_of_the_same_words_share_their_judgments(self, folder, write):
        write(
            "DevLite/query/QA_Bio.json",
            json.dumps([{"query_id": number, "user_query": "what to do"} for number in (0, 1)]),
        )
        qrels = read_disastir(folder).qrels
        assert qrels["QA_Bio/0"] == qrels["QA_Bio/1"]

    def test_understands_the_short_names_of_intents(self, folder):
        (folder / "query/Twitter_Bio.json").rename(folder / "query/TW_Bio.json")
        (folder / "qrels/Twitter_Bio_qrels.json").rename(folder / "qrels/TW_Bio_qrels.json")
        assert read_disastir(folder).tasks["TW_Bio/0"] == (Intent.TWITTER, "Bio")

    def test_says_on_which_line_a_list_is_broken(self, folder, write):
        write("DevLite/query/QA_Bio.json", '[\n {"query_id": 0,\n  "user_query" "x"}\n]')
        with pytest.raises(ValueError, match=r"QA_Bio\.json, line 3"):
            read_disastir(folder)

    def test_says_on_which_line_an_incomplete_judgment_starts(self, folder, write):
        write(
            "DevLite/qrels/QA_Bio_qrels.json",
            '[\n {"user_query": "a",\n  "passage": "b", "score": 1},\n {"user_query": "a", "score": 1}\n]',
        )
        with pytest.raises(ValueError, match=r"QA_Bio_qrels\.json, line 4: 'passage' is missing"):
            read_disastir(folder)

    def test_says_which_corpus_line_is_broken(self, folder, write):
        write("DevLite/corpus.jsonl", '{"corpus_id": 1, "text": "a"}\n{"corpus_id": 2, "text": 7}\n')
        with pytest.raises(ValueError, match=r"corpus\.jsonl, line 2"):
            read_disastir(folder)

    def test_says_what_is_not_a_list(self, folder, write):
        write("DevLite/query/QA_Bio.json", '{"query_id": 0}')
        with pytest.raises(ValueError, match="not a list"):
            read_disastir(folder)

    def test_refuses_a_file_whose_name_is_no_task(self, folder, write):
        write("DevLite/query/Poems_Bio.json", "[]")
        with pytest.raises(ValueError, match="Poems"):
            read_disastir(folder)

    def test_refuses_a_folder_without_queries(self, tmp_path):
        with pytest.raises(ValueError, match="no query files"):
            read_disastir(tmp_path)
