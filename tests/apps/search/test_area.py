import pytest

from apps.search.area import Box, Point, points
from tests.factories import DocumentFactory, PassageFactory

NEPAL = Box(80, 26, 89, 31)


class TestABox:
    @pytest.mark.parametrize("text", ["80,26,89,31", "-180,-90,180,90", "170,-20,-170,0", "0.125,0,0.5,1"])
    def test_is_written_as_it_was_read(self, text):
        assert str(Box.parse(text)) == text

    @pytest.mark.parametrize("text", ["", "1,2,3", "a,b,c,d", "0,10,1,5", "0,0,200,1", "nan,0,1,1", "inf,0,1,1"])
    def test_that_is_none_is_refused(self, text):
        with pytest.raises(ValueError):
            Box.parse(text)


class TestPoints:
    def test_count_the_hits_at_each_place(self):
        kathmandu, suva = ("Kathmandu, Nepal", (27.7, 85.3)), ("Suva, Fiji", (-18.1, 178.4))
        assert points([suva, kathmandu, kathmandu]) == (
            Point("Kathmandu, Nepal", 27.7, 85.3, 2),
            Point("Suva, Fiji", -18.1, 178.4, 1),
        )


@pytest.fixture
def places(library):
    for place, latitude, longitude in (("Kathmandu, Nepal", 27.7, 85.3), ("Suva, Fiji", -18.1, 178.4)):
        where = {"places": [place, place.split(", ")[1]], "latitude": latitude, "longitude": longitude}
        document = DocumentFactory(corpus=library["reports"], title=place, **where)
        PassageFactory(document=document, text="The levee failed.", **where)


@pytest.mark.django_db
class TestSearchingInABox:
    @pytest.mark.parametrize(
        ("box", "found"), [("80,26,89,31", ["Kathmandu, Nepal"]), ("170,-20,-170,0", ["Suva, Fiji"]), ("0,0,1,1", [])]
    )
    def test_finds_what_lies_in_it_alone(self, signed_in, places, box, found):
        outcome = signed_in.get("/", {"q": "levee", "box": box}).context["outcome"]
        assert [hit.title for hit in outcome.hits] == found
        assert [point.place for point in outcome.points] == found

    def test_says_what_a_box_is(self, signed_in, places):
        response = signed_in.get("/", {"q": "levee", "box": "here"})
        assert response.status_code == 400
        assert "west,south,east,north" in response.text
