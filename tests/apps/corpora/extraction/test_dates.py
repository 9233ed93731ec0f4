from datetime import UTC, datetime

import pytest

from apps.corpora.extraction.dates import find_date, is_day_first, is_slashed, parse_date


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


class TestParseDate:
    @pytest.mark.parametrize(
        ("value", "moment"),
        [
            ("2014-09-12", utc(2014, 9, 12)),
            ("2014-09-12T10:00:00+02:00", utc(2014, 9, 12, 8)),
            ("Wed Oct 10 20:19:24 +0000 2018", utc(2018, 10, 10, 20, 19, 24)),
            ("Tue, 04 Nov 2014 10:00:00 +0100", utc(2014, 11, 4, 9)),
            ("1388534400", utc(2014, 1, 1)),
            ("1388534400000", utc(2014, 1, 1)),
            ("25/12/1996", utc(1996, 12, 25)),
            ("7/3/1996 1:05 PM", utc(1996, 7, 3, 13, 5)),
            ("12.09.2014", utc(2014, 9, 12)),
            ("1.9.2014 08:30", utc(2014, 9, 1, 8, 30)),
            ("09.25.2014", utc(2014, 9, 25)),
            ("12 September 2014", utc(2014, 9, 12)),
            ("05 août 2014", utc(2014, 8, 5)),
            (datetime(2020, 1, 2), utc(2020, 1, 2)),
        ],
    )
    def test_reads_what_programs_and_people_write(self, value, moment):
        assert parse_date(value) == moment

    @pytest.mark.parametrize("value", [None, "", "hello", "2014", "10", "13:30", "99/99/2014", "2014-13-45", "9" * 70])
    def test_reads_nothing_into_what_is_no_date(self, value):
        assert parse_date(value) is None

    def test_lets_the_table_say_which_of_two_numbers_is_the_day(self):
        assert is_day_first(["03/07/1996", "25/07/1996"])
        assert is_slashed("03/07/1996 10:00")
        assert not any(
            map(is_slashed, ["n/a", "1996-07-03", "03.07.1996"])
        )  # another look at the column would tell no more
        assert is_day_first(["03/07/1996", "07/25/1996"]) is False
        assert is_day_first(["03/07/1996", "25.07.1996", "n/a"]) is None
        assert parse_date("03/07/1996", day_first=True) == utc(1996, 7, 3)
        assert parse_date("03/07/1996") == utc(1996, 3, 7)


class TestFindDate:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("Situation Report, Dec 3rd 2014, final", utc(2014, 12, 3)),
            ("Fourth Edition October 28, 2019", utc(2019, 10, 28)),
            ("Situation du 1er février 2015", utc(2015, 2, 1)),
            ("update_2014-08-29_ENG", None),
            ("1151 AM CDT MON AUG 29 2005", utc(2005, 8, 29, 16, 51)),
            ("1175 AM EDT MON AUG 29 2005", utc(2005, 8, 29)),
            ("1151 AM CHST MON JAN 1 0001", None),
            ("call 555 2014 now", None),
            ("31 February 2014", None),
        ],
    )
    def test_finds_only_dates_written_out(self, text, moment):
        assert find_date(text) == moment

    def test_takes_the_first_of_several(self):
        assert find_date("12 September 2014, data of 2014-08-19") == utc(2014, 9, 12)
