"""The names of what can compute a model: settings give one, workers answer to it."""

#: Engines, in the order they are tried, with the package each needs.
ENGINES = {"torch": "torch", "openvino": "openvino", "onnx": "onnxruntime"}

BACKENDS = ("torch-fp32", "torch-bf16", "torch-fp16", "openvino-fp32", "openvino-bf16", "onnx-fp32")


class UnknownBackend(ValueError):
    """No backend is called that."""


def check_backend(name: str) -> None:
    """Raise UnknownBackend unless `name` is "auto", an engine, one of BACKENDS or the URL of a server."""
    if not (name in ("auto", *ENGINES, *BACKENDS) or is_server(name)):
        raise UnknownBackend(
            f"No backend is called {name!r}. There are: auto, {', '.join((*ENGINES, *BACKENDS))}, or a server's URL."
        )


def is_server(name: str) -> bool:
    return name.startswith(("http://", "https://"))
