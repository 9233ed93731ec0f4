import json
from datetime import UTC, datetime

import pytest

from apps.corpora.extraction.records import BadRow, ExtractedDocument, ExtractionFailed
from apps.corpora.metadata.finding import describe
from apps.corpora.metadata.subject import Subject

RECORD = {
    "_id": "p1",
    "title": "Flood",
    "text": "The river rose.",
    "metadata": {"place": {"name": "Bomi"}, "tags": ["a", "b"]},
}


def lines(*records) -> str:
    return "\n".join(record if isinstance(record, str) else json.dumps(record) for record in records)


class TestRecords:
    @pytest.mark.parametrize(
        "shape",
        [
            lines(RECORD),
            json.dumps([RECORD]),
            json.dumps([RECORD], indent=2),
            json.dumps(RECORD, indent=2),
            json.dumps({"status": "ok", "data": [RECORD]}),
            "\ufeff" + json.dumps([RECORD]),
        ],
    )
    def test_are_found_in_every_shape(self, read_one, shape):
        document = read_one(shape, "records.json")
        assert (document.external_id, document.title, document.text) == ("p1", "Flood", "Flood\n\nThe river rose.")

    def test_keep_nested_fields_under_their_path(self, read_one):
        metadata = read_one(lines(RECORD), "a.jsonl").metadata
        assert metadata == {"metadata.place.name": "Bomi", "metadata.tags": "a, b", "row": 1}

    def test_of_geojson_are_its_features(self, read_one):
        feature = {"type": "Feature", "geometry": None, "properties": {"text": "A gauge on the river.", "id": "g1"}}
        document = read_one(json.dumps({"type": "FeatureCollection", "features": [feature]}), "a.geojson")
        assert document.text == "A gauge on the river."


class TestBrokenRecords:
    def test_are_named_by_line_and_the_others_go_in(self, read):
        records = read(lines(RECORD, '{"text": "cut', '"a word"', RECORD), "a.jsonl")
        assert [each.number for each in records if isinstance(each, BadRow)] == [2, 3]
        assert len(records) == 4

    def test_in_a_list_cut_short_leave_those_before(self, read):
        whole = json.dumps([RECORD, RECORD])
        first, bad = read(whole[: len(whole) * 3 // 4], "a.json")
        assert first.external_id == "p1"
        assert "nothing after it could be read" in bad.reason

    def test_of_great_depth_are_refused(self, read):
        with pytest.raises(ExtractionFailed, match="nested too deeply"):
            read('{"a":' * 100_000 + "1" + "}" * 100_000, "a.json")

    def test_of_great_depth_on_a_line_leave_the_other_lines(self, read):
        deep = '{"a":' * 100_000 + "1" + "}" * 100_000
        bad, good = read(lines(deep, RECORD), "a.jsonl")
        assert "nested too deeply" in bad.reason
        assert good.external_id == "p1"

    def test_with_a_number_of_thousands_of_digits_leave_the_others(self, read):
        long = f'{{"a": {"9" * 5_000}}}'
        bad, good = read(lines(long, RECORD), "a.jsonl")
        assert "too many digits" in bad.reason
        assert good.external_id == "p1"
        good, bad = read(f"[{json.dumps(RECORD)}, {long}]", "a.json")
        assert "too many digits" in bad.reason
        with pytest.raises(ExtractionFailed, match="too many digits"):
            read(long, "a.json")

    def test_that_pandas_wrote_have_nothing_where_it_had_none(self, read):
        good, bad = read(
            '{"text": "The river rose over its banks.", "cases": NaN}\n{"text": NaN, "cases": 3}', "a.jsonl"
        )
        assert good.metadata == {"row": 1}
        assert "no text" in bad.reason

    def test_that_are_no_json_at_all_say_where(self, read):
        with pytest.raises(ExtractionFailed, match=r"not valid JSON.*line 2"):
            read('{"a": 1,\n "b": }', "a.json")


USER = {"id": 1, "id_str": "1", "name": "Ann", "screen_name": "ann"}
TWEET = {
    "created_at": "Wed Oct 10 20:19:24 +0000 2018",
    "id": 1050118621198921728,
    "id_str": "1050118621198921728",
    "text": "Water &amp; mud on Main St…",
    "truncated": True,
    "extended_tweet": {
        "full_text": "Water &amp; mud on Main Street, send boats https://t.co/x",
        "entities": {"urls": [{"expanded_url": "https://example.org/map"}], "hashtags": [{"text": "flood"}]},
    },
    "user": USER,
    "in_reply_to_status_id_str": "77",
    "in_reply_to_screen_name": "bob",
    "lang": "en",
    "retweet_count": 3,
    "favorite_count": 4,
}
RETWEET = {
    "created_at": "Wed Oct 10 21:00:00 +0000 2018",
    "id_str": "2",
    "text": "RT @ann: Water & mud on…",
    "user": {"screen_name": "bob", "name": "Bob"},
    "retweeted_status": TWEET,
}
ENVELOPE = {
    "data": [
        {
            "id": "12",
            "text": "RT @ann: hello wor…",
            "author_id": "7",
            "created_at": "2020-01-02T03:04:05.000Z",
            "referenced_tweets": [{"type": "retweeted", "id": "11"}],
            "public_metrics": {"retweet_count": 1, "like_count": 5},
        },
        {
            "id": "13",
            "text": "We are safe",
            "author_id": "8",
            "in_reply_to_user_id": "7",
            "referenced_tweets": [{"type": "replied_to", "id": "10"}, {"type": "quoted", "id": "9"}],
        },
    ],
    "includes": {
        "users": [{"id": "7", "username": "bob", "name": "Bob"}],
        "tweets": [{"id": "11", "text": "hello world, all of it"}],
    },
}


def changed(value, odd):
    """Yield `value` again and again, each time with another of its fields odd, however deep it lies."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        deeper = changed(inner, odd) if isinstance(inner, dict | list) else ()
        for each in (odd, *deeper):
            copy = value.copy()
            copy[key] = each
            yield copy


class TestTweets:
    def test_of_version_1_have_their_whole_text(self, read_one):
        document = read_one(lines(TWEET), "a.jsonl")
        assert document.text == "Water & mud on Main Street, send boats https://t.co/x"
        assert (document.kind, document.external_id, document.author) == ("tweet", "1050118621198921728", "@ann")
        assert document.published_at == datetime(2018, 10, 10, 20, 19, 24, tzinfo=UTC)

    def test_keep_reply_links_and_counts_as_fields(self, read_one):
        metadata = read_one(lines(TWEET), "a.jsonl").metadata
        assert metadata["reply_to"] == "77"
        assert metadata["reply_to_author"] == "bob"
        assert metadata["urls"] == ["https://example.org/map"]
        assert metadata["hashtags"] == ["flood"]
        assert (metadata["retweet_count"], metadata["like_count"]) == (3, 4)

    def test_retweeted_say_of_whom_and_carry_the_whole_text(self, read_one):
        document = read_one(json.dumps([RETWEET]), "a.json")
        assert document.text.startswith("RT @ann: Water & mud on Main Street")
        assert document.metadata["retweet_of"] == TWEET["id_str"]
        assert document.metadata["retweet_of_author"] == "ann"

    @pytest.mark.parametrize("indent", [None, 1])
    def test_of_version_2_find_their_authors_in_the_envelope(self, read, indent):
        retweet, reply = read(json.dumps(ENVELOPE, indent=indent), "a.json")
        assert (retweet.author, retweet.text) == ("@bob", "RT @ann: hello world, all of it")
        assert retweet.metadata["retweet_of"] == "11"
        assert retweet.metadata["like_count"] == 5
        assert (reply.metadata["reply_to"], reply.metadata["quote_of"], reply.metadata["reply_to_author"]) == (
            "10",
            "9",
            "bob",
        )

    def test_of_version_2_may_come_an_envelope_a_line(self, read):
        assert len(read(lines(ENVELOPE, ENVELOPE), "a.jsonl")) == 4

    def test_in_a_search_answer_are_found(self, read_one):
        assert read_one(json.dumps({"statuses": [TWEET]}), "a.json").kind == "tweet"

    def test_broken_among_good_ones_are_named(self, read):
        records = read(lines(TWEET, {"delete": {"status": 5}}, TWEET), "a.jsonl")
        assert [each.number for each in records if isinstance(each, BadRow)] == [2]

    @pytest.mark.parametrize(
        "odd", ["odd", 5, 1e999, True, None, [], {}, ["odd"], [["odd"]], [None, 7], {"odd": "odd"}]
    )
    def test_are_read_whatever_a_field_holds(self, read, odd):
        for each in (*changed(RETWEET, odd), *changed(ENVELOPE, odd)):
            records = read(lines(TWEET, each, TWEET), "a.jsonl")
            found = [record for record in records if isinstance(record, ExtractedDocument)]
            assert [found[0].external_id, found[-1].external_id] == [TWEET["id_str"]] * 2
            for document in found:
                describe(Subject(title=document.title, text=document.text, kind="tweet", metadata=document.metadata))

    def test_go_in_without_the_field_that_is_odd(self, read_one):
        odd = {
            **TWEET,
            "extended_tweet": "odd",
            "place": "Bomi",
            "geo": "here",
            "entities": {"hashtags": ["flood", None]},
        }
        document = read_one(json.dumps([odd]), "a.json")
        assert document.text == "Water & mud on Main St…"
        assert document.metadata["hashtags"] == ["flood"]
        assert "place" not in document.metadata

    def test_without_an_id_are_named(self, read):
        records = read(lines(TWEET, {**TWEET, "id": None, "id_str": ""}), "a.jsonl")
        assert records[1] == BadRow(2, "the tweet has no id")

    def test_need_no_mapping(self, guess):
        assert guess(lines(TWEET), "a.jsonl") is None
