import pytest

from workers.refinement.journal import Journal, run_folder


class TestJournal:
    def test_gives_back_what_was_appended(self, tmp_path):
        journal = Journal(tmp_path / "j.jsonl")
        journal.append({"text": "crue à l'aube"})
        journal.append({"text": "two\nlines"})
        assert [line["text"] for line in journal] == ["crue à l'aube", "two\nlines"]

    @pytest.mark.parametrize("half", ['{"te', '{"text": "no end"}', "x" * 200_000])
    def test_cuts_off_the_line_that_a_killed_run_did_not_end(self, tmp_path, half):
        path = tmp_path / "j.jsonl"
        path.write_text('{"text": "whole"}\n' + half)
        journal = Journal(path)
        journal.append({"text": "next"})
        assert [line["text"] for line in journal] == ["whole", "next"]

    def test_begins_anew_where_not_one_line_was_whole(self, tmp_path):
        path = tmp_path / "j.jsonl"
        path.write_text('{"te')
        assert list(Journal(path)) == []


class TestRunFolder:
    def test_goes_on_with_the_same_settings(self, tmp_path):
        for _ in range(2):
            with run_folder(tmp_path / "run", {"seed": 1, "bands": ((1, 30),)}) as folder:
                assert folder.is_dir()

    def test_refuses_other_settings_and_names_them(self, tmp_path):
        with run_folder(tmp_path / "run", {"seed": 1, "k": 5}):
            pass
        with (
            pytest.raises(ValueError, match=r"begun with other .*: seed 1 \(now 2\)"),
            run_folder(tmp_path / "run", {"seed": 2, "k": 5}),
        ):
            pass

    def test_lets_one_run_in_at_a_time(self, tmp_path):
        with run_folder(tmp_path, {}), pytest.raises(ValueError, match="another run"), run_folder(tmp_path, {}):
            pass
