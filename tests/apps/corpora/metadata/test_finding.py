"""What is said of a document, from its fields or its text."""

from datetime import UTC, datetime

import pytest

from apps.corpora.metadata import hazards, languages
from apps.corpora.metadata.finding import describe
from apps.corpora.metadata.subject import Subject
from apps.corpora.metadata.words import words_of

DAY = datetime(2013, 10, 15, tzinfo=UTC)


def of(text, *, title="", kind="report", **more):
    return describe(Subject(title=title, text=text, kind=kind, **more))


class TestHazards:
    def test_are_in_the_eight_groups_with_all_their_types(self):
        assert set(hazards.GROUPS) == {"Bio", "Chem", "Env", "Extra", "Geo", "MH", "Soc", "Tech"}
        assert {kind.group for kind in hazards.TYPES.values()} == set(hazards.GROUPS)
        assert "earthquake" in hazards.types_of("Geo")
        assert len(hazards.TYPES) > 200

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("Flash flooding swept the valley.", ["flash-flood"]),
            ("A magnitude 5.6 quake hits Costa Rica", ["earthquake"]),
            ("Five new cases of Ebola were confirmed", ["ebola-virus-disease"]),
            ("Send help #qldfloods", ["flood"]),
            ("urgente #terremotogt", ["earthquake"]),
            ("Train derailed in the Bronx", ["rail-accident"]),
            ("The fire department opened its new hall", []),
            ("They stormed out of the meeting", []),
            ("Apply for AIDS funding", []),
            ("A typhoon and the landslides it set off; the typhoon moves north.", ["tropical-cyclone", "landslide"]),
        ],
    )
    def test_are_what_the_words_tell(self, text, found):
        assert of(text).hazards == found

    def test_that_a_long_text_only_mentions_are_left_out(self):
        text = "The river flood rose. Flood crews stood by. " * 20 + "Years ago there was an earthquake."
        assert of(text).hazards[0] in ("flood", "river-flood")
        assert "earthquake" not in of(text).hazards


class TestWords:
    def test_are_without_links_and_addresses(self):
        text = "Write to desk@example.org or (ann@x.org), see https://example.org/a@b.c #NepalQuake"
        assert [word.text for word in words_of(text)] == ["Write", "to", "or", "see", "Nepal", "Quake"]

    def test_of_text_without_spaces_are_found_in_time(self):
        assert len(words_of("水位上升。" * 100_000)) == 100_000


class TestNames:
    def test_that_are_too_long_for_the_database_are_none(self):
        country = "South Georgia and the South Sandwich Islands"
        metadata = {"place": "Grytviken " * 8, "country": country}
        found = of("Hurricane " + "A" * 200 + " came.", metadata=metadata)
        assert (found.places, found.event) == ([country], "")


class TestPlaces:
    @pytest.mark.parametrize(
        ("text", "places"),
        [
            ("Earthquake near Kathmandu, Nepal", ["Kathmandu, Nepal", "Nepal"]),
            ("Flooding in Calgary", ["Calgary, Canada", "Canada"]),
            ("Smoke over Boulder, CO this morning", ["Boulder, United States", "United States"]),
            ("Ebola cases in the DRC fell", ["Democratic Republic of the Congo"]),
            ("bushfires across NSW #sydney", ["New South Wales, Australia", "Australia"]),
            ("Pray for #nepal", ["Nepal"]),
            ("Mobile clinics reached Reading groups and Of course Nice people", []),
            ("Michael Jordan met Hillary Clinton", []),
            ("Hamilton spoke to reporters", []),
        ],
    )
    def test_are_told_by_what_stands_around_them(self, text, places):
        assert of(text).places == places

    def test_have_a_point_for_the_map(self):
        found = of("Flooding in Calgary")
        assert (round(found.latitude), round(found.longitude)) == (51, -114)

    def test_of_one_name_are_told_apart_by_the_country(self):
        assert of("San Jose, Costa Rica: quake felt").latitude == pytest.approx(9.9, abs=0.2)
        assert of("San Jose, CA: quake felt").latitude == pytest.approx(37.3, abs=0.2)


class TestEvents:
    @pytest.mark.parametrize(
        ("text", "event"),
        [
            ("Typhoon Haiyan as seen from space", "Typhoon Haiyan"),
            ("Help for #TyphoonYolanda victims", "Typhoon Yolanda"),
            ("Hurricane Warning in effect", ""),
            ("residents flee the High Park Fire near Fort Collins", "High Park Fire"),
            ("lessons of the 2010 Haiti earthquake", "Earthquake, Haiti 2010"),
            ("The Haiti earthquake taught us much", ""),
            ("Stay safe #abflood", "#abflood"),
            ("#earthquake again", ""),
        ],
    )
    def test_are_named_storms_and_fires_and_hazards_with_place_and_year(self, text, event):
        assert of(text).event == event

    def test_of_a_tweet_are_of_its_own_year(self):
        assert of("Guatemala earthquake kills dozens", kind="tweet", published_at=DAY).event == (
            "Earthquake, Guatemala 2013"
        )

    @pytest.mark.parametrize(
        ("text", "event"),
        [
            ("Protest about climate change in London today", ""),
            ("Nigeria oil spills reach the coast", "Oil spill, Nigeria 2013"),
            ("Send help #NigeriaOilSpill", "Oil spill, Nigeria 2013"),
        ],
    )
    def test_are_named_by_a_hazard_of_several_words_where_it_is_said(self, text, event):
        assert of(text, kind="tweet", published_at=DAY).event == event

    def test_of_an_outbreak_are_named_by_the_reports_title(self):
        found = of("Cases rose.", title="Ebola situation report, Liberia: 3 Dec 2014")
        assert found.event == "Ebola virus disease, Liberia 2014"


class TestLanguage:
    @pytest.mark.parametrize(
        ("text", "language"),
        [
            ("The shelter at the school is full and needs blankets", "en"),
            ("El terremoto dejó a miles de personas sin hogar", "es"),
            ("Les équipes de secours ont atteint le village hier soir", "fr"),
            ("ok :(", ""),
        ],
    )
    def test_is_found_where_there_are_words_enough(self, text, language):
        assert languages.find(text) == language

    @pytest.mark.parametrize(("value", "language"), [("en-US", "en"), ("French", "fr"), ("eng", "en"), ("und", "")])
    def test_of_a_field_is_read_as_a_code(self, value, language):
        assert languages.from_field(value) == language


class TestFields:
    def test_come_before_what_the_text_says(self):
        row = {"event_type": "Landslide", "country": "NPL", "district": "x", "place": "Pokhara", "source": "Red Cross"}
        found = of("An earthquake in Italy", metadata=row)
        assert found.hazards == ["landslide"]
        assert found.places == ["Pokhara, Nepal", "Nepal"]
        assert found.publisher == "Red Cross"
        assert {name: origin["how"] for name, origin in found.origins.items()} == {
            "hazards": "field",
            "places": "field",
            "publisher": "field",
        }

    def test_give_places_that_no_gazetteer_has_their_own_point(self):
        row = {"place": "Crake Hollow", "latitude": "51.2", "longitude": "-3.4", "event": "Exercise Copper Tern"}
        found = of("Search goes on", metadata=row)
        assert (found.places, found.latitude, found.longitude) == (["Crake Hollow"], 51.2, -3.4)
        assert found.event == "Exercise Copper Tern"

    def test_with_impossible_values_are_passed_over(self):
        found = of("Flooding in Calgary", metadata={"latitude": "951", "longitude": "east", "hazard": "n/a"})
        assert found.places == ["Calgary, Canada", "Canada"]
        assert found.origins["places"] == {"how": "text"}
        assert found.hazards == ["flood"]

    def test_say_who_mailed_and_which_site_published(self):
        assert of("x", metadata={"from": "Ann <ann@relief.example>"}).publisher == "relief.example"
        assert of("x", metadata={"url": "https://www.who.int/news/1"}).publisher == "who.int"
        assert of("x", metadata={"url": "http://[removed]"}).publisher == ""
        assert of("x", kind="tweet", author="@fema").publisher == "@fema"
        assert of("Agency: Provincial Fire and Rescue (PFR)\n\nText").publisher == "Provincial Fire and Rescue (PFR)"
