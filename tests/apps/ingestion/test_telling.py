import io

from apps.ingestion import telling
from apps.ingestion.telling import Teller
from tests.apps.ingestion.test_progress import seen


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestTeller:
    def test_writes_over_its_line_on_a_terminal(self):
        stream = Terminal()
        with Teller(stream).open() as teller:
            teller.tell("1 of 2")
            teller.tell("2 of 2")
        assert stream.getvalue() == "\r\x1b[K1 of 2\r\x1b[K2 of 2\n"

    def test_writes_a_line_now_and_then_where_output_is_kept(self):
        stream = io.StringIO()
        with Teller(stream).open() as teller:
            for number in range(100):
                teller.tell(f"{number} of 100")
        assert stream.getvalue() == "0 of 100\n"

    def test_says_what_stays_on_a_line_of_its_own(self):
        stream = Terminal()
        teller = Teller(stream)
        teller.tell("1 of 2")
        teller.say("Nobody listens.")
        assert stream.getvalue().endswith("\r\x1b[KNobody listens.\n")


class TestLine:
    def test_tells_of_files_while_they_are_read(self):
        line = telling.line(seen(waiting=5, bytes_read=500, passages=1200, failed=1))
        assert line == "[############............]  5/10 files  1,200 passages  120/s  1 failed  about 10 s left"

    def test_tells_of_vectors_afterwards(self):
        assert telling.line(seen(passages=300, owed=200)).startswith(
            "[########................]  100/300 passages embedded"
        )

    def test_has_a_bar_for_nothing_too(self):
        assert telling.line(seen(items=0)).startswith("[........................]")
