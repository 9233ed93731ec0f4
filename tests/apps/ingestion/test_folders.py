from apps.ingestion.folders import files_under


class TestFilesUnder:
    def test_names_files_by_their_folders_in_order(self, tmp_path):
        folder = tmp_path / "sitreps"
        (folder / "day 2").mkdir(parents=True)
        for name in ("day 2/b.txt", "a.txt"):
            (folder / name).write_text("x")
        (tmp_path / "single.txt").write_text("x")
        names = [name for _, name in files_under([folder, tmp_path / "single.txt"])]
        assert names == ["sitreps/a.txt", "sitreps/day 2/b.txt", "single.txt"]

    def test_leaves_out_hidden_files_and_links(self, tmp_path):
        (tmp_path / ".git").mkdir()
        (tmp_path / ".git" / "config").write_text("x")
        (tmp_path / "outside").symlink_to("/etc")
        (tmp_path / "passwd").symlink_to("/etc/passwd")
        assert list(files_under([tmp_path])) == []

    def test_names_the_current_folder_by_its_name(self, tmp_path, monkeypatch):
        (tmp_path / "a.txt").write_text("x")
        monkeypatch.chdir(tmp_path)
        from pathlib import Path

        assert [name for _, name in files_under([Path()])] == [f"{tmp_path.name}/a.txt"]
