import re
from pathlib import Path

SCRIPTS = sorted(Path(__file__).parents[2].glob("static/js/*.js"))


class TestScripts:
    def test_import_none_of_each_other(self):
        """Pages load them by names with a hash. Imported by its plain name, one would run a second time beside itself."""
        assert SCRIPTS
        assert not [
            path.name for path in SCRIPTS if re.search(r"^\s*(import|export)\b", path.read_text(), re.MULTILINE)
        ]
