import pytest

from apps.retrievers.checks import check_encoder_backend, check_retriever, check_retriever_folder
from tests.apps.retrievers.test_checkpoints import write_checkpoint


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


class TestRetrieverCheck:
    @pytest.mark.parametrize("name", ["auto", "hashing", "all-MiniLM-L6-v2"])
    def test_passes_what_can_be_had(self, settings, name):
        settings.RETRIEVER = name
        assert check_retriever() == []

    def test_an_unknown_name_stops_the_start(self, settings):
        settings.RETRIEVER = "bert"
        (error,) = check_retriever()
        assert (error.id, error.is_serious()) == ("retrievers.E001", True)

    def test_passes_a_folder_that_holds_a_model(self, settings, tmp_path):
        settings.RETRIEVER = str(write_checkpoint(tmp_path / "mine"))
        assert check_retriever() == []

    def test_a_folder_without_a_model_stops_the_start(self, settings, tmp_path):
        settings.RETRIEVER = str(tmp_path)
        (error,) = check_retriever()
        assert (error.id, "holds no model" in error.msg) == ("retrievers.E001", True)

    @pytest.mark.parametrize("name", ["DMRetriever-4B", "DMRetriever-1.5B"])
    def test_missing_files_are_reported_but_do_not_stop_the_start(self, settings, name):
        settings.RETRIEVER = name
        (warning,) = check_retriever()
        assert (warning.id, warning.is_serious()) == ("retrievers.W002", False)


class TestRetrieverFolderCheck:
    def test_no_folder_is_fine(self, settings):
        settings.RETRIEVER_FOLDER = None
        assert check_retriever_folder() == []

    def test_a_folder_without_a_known_model_stops_the_start(self, settings, tmp_path):
        settings.RETRIEVER_FOLDER = tmp_path
        (error,) = check_retriever_folder()
        assert error.id == "retrievers.E003"
        assert str(tmp_path) in error.msg

    def test_a_folder_with_one_passes(self, settings, tmp_path):
        (tmp_path / "config.json").write_text('{"hidden_size": 384, "num_hidden_layers": 12}')
        (tmp_path / "model.safetensors").write_bytes(b"weights")
        settings.RETRIEVER_FOLDER = tmp_path
        assert check_retriever_folder() == []


class TestEncoderBackendCheck:
    @pytest.mark.parametrize("name", ["auto", "torch", "openvino-bf16", "http://gpu-box:8080"])
    def test_passes_what_a_worker_answers_to(self, settings, name):
        settings.ENCODER_BACKEND = name
        assert check_encoder_backend() == []

    @pytest.mark.parametrize("name", ["tpu", "onnx-int2", "", "ftp://gpu-box"])
    def test_another_name_stops_the_start_and_hears_the_known_ones(self, settings, name):
        settings.ENCODER_BACKEND = name
        (error,) = check_encoder_backend()
        assert error.id == "retrievers.E004"
        assert "openvino-bf16" in error.msg
