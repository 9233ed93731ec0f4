import pytest

from apps.corpora.extraction.charsets import charset_of_file, decode

FRENCH = "Le cumul des décès est élevé : l’épidémie s’étend – 5 €"


class TestDecode:
    @pytest.mark.parametrize(
        ("charset", "text"),
        [
            ("utf-8", FRENCH),
            ("utf-8-sig", FRENCH),
            ("cp1252", FRENCH),
            ("utf-16", "Flood: décès"),
            ("utf-16-le", "Flood: décès in the town"),
            ("utf-16-be", "Flood: décès in the town"),
            ("cp1251", "Наводнение в регионе привело к эвакуации жителей"),
            ("cp1256", "الفيضانات في المنطقة أدت إلى إجلاء السكان"),
            ("shift_jis", "地震が発生しました。避難してください。"),
            ("gb18030", "洪水造成重大损失，请立即撤离"),
            ("cp1250", "Povodeň zasáhla město, škody jsou značné"),
        ],
    )
    def test_finds_the_set_a_text_was_written_in(self, charset, text):
        assert decode(text.encode(charset)) == text

    def test_reads_a_stray_western_byte_inside_utf_8(self):
        assert decode("élevé à Kayes, ".encode() + b"caf\xe9") == "élevé à Kayes, café"


class TestCharsetOfFile:
    def test_looks_past_the_first_megabyte(self, tmp_path):
        path = tmp_path / "long.csv"
        path.write_bytes(b"plain\n" * 200_000 + FRENCH.encode("cp1252"))
        assert charset_of_file(path) == "cp1252"

    def test_is_utf_8_where_nothing_speaks_against_it(self, tmp_path):
        path = tmp_path / "long.csv"
        path.write_bytes(FRENCH.encode() * 40_000)
        assert charset_of_file(path) == "utf-8"
