from pathlib import Path

import pytest

import workers.training
from workers.training.recipe import BadRecipe, files_of, read_recipe

RECIPES = Path(workers.training.__file__).parent / "recipes"
STAGE = '[model]\ncard = "DMRetriever-33M"\n[stage3]\nlearning_rate = 4e-5\nbatch = 8\n'


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        return path

    return write


class TestReadRecipe:
    def test_refuses_an_unknown_key_and_names_it(self, write):
        with pytest.raises(BadRecipe, match=r"stage3\.temprature: no such key"):
            read_recipe(write(f'output = "x"\n{STAGE}temprature = 0.01\n'))

    def test_says_what_is_missing_and_what_is_wrong(self, write):
        with pytest.raises(BadRecipe, match=r"output: is missing"):
            read_recipe(write(STAGE))
        with pytest.raises(BadRecipe, match=r"stage3\.batch: .*greater than 0"):
            read_recipe(write(f'output = "x"\n{STAGE}'), changes=["stage3.batch=0"])

    def test_changes_stand_over_the_file(self, write):
        recipe = read_recipe(
            write(f'output = "x"\n{STAGE}'), changes=["stage3.batch=3", "stage3.in_batch=all", 'stage3.data=["a"]']
        )
        assert (recipe.stage3.batch, recipe.stage3.in_batch, recipe.stage3.data) == (3, "all", ("a",))

    def test_a_stage_that_the_recipe_lacks_is_named(self, write):
        with pytest.raises(BadRecipe, match="stage1"):
            read_recipe(write(f'output = "x"\n{STAGE}')).stage("stage1")


class TestShippedRecipes:
    @pytest.mark.parametrize("size", ["33M", "109M", "335M", "596M", "4B", "7.6B"])
    def test_hold_the_papers_figures(self, size):
        recipe = read_recipe(RECIPES / f"{size}.toml")
        second, third = recipe.stage2, recipe.stage3
        decoder = size in ("596M", "4B", "7.6B")
        assert recipe.model.card == f"DMRetriever-{size}"
        assert (second.temperature, second.epochs, second.weight_decay, second.warmup) == (0.01, 2, 0.01, 0.01)
        assert (third.temperature, third.group, third.in_batch, third.weight_decay) == (0.01, 10, "none", 0.005)
        assert (second.learning_rate, second.batch) == ((4e-5, 48) if decoder else (3e-4, 244))
        assert third.learning_rate == (5.9e-5 if decoder else 4e-5)
        assert bool(recipe.stage1) is decoder
        assert (third.lora is not None) is decoder
        if decoder:
            assert (recipe.stage1.masked, recipe.stage1.mask_token, recipe.stage1.learning_rate) == (0.2, "_", 5e-5)
            assert (recipe.stage1.epochs, recipe.stage1.lora.rank, recipe.model.max_tokens) == (10, 16, 512)
            assert (second.lora.rank, second.lora.alpha, second.lora.dropout) == (16, 32, 0.1)

    def test_the_demo_reads(self):
        assert read_recipe(RECIPES / "demo.toml").model.card == "all-MiniLM-L6-v2"


class TestFilesOf:
    def test_finds_by_pattern_and_variable(self, tmp_path, monkeypatch):
        (tmp_path / "b.jsonl").touch()
        (tmp_path / "a.jsonl").touch()
        monkeypatch.setenv("SOMEWHERE", str(tmp_path))
        assert [path.name for path in files_of(["$SOMEWHERE/*.jsonl"])] == ["a.jsonl", "b.jsonl"]

    def test_says_what_is_not_there(self, tmp_path):
        with pytest.raises(ValueError, match="no such file"):
            files_of([str(tmp_path / "*.jsonl")])
        with pytest.raises(ValueError, match="not set"):
            files_of(["$NOT_SET_ANYWHERE/a.jsonl"])
