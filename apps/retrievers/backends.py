"""The names of what can compute a model: settings give one, workers answer to it."""

#: Engines, in the order they are tried, with the package each needs.
ENGINES = {"torch": "torch", "openvino": "openvino", "onnx": "onnxruntime"}

#: Rounds to 8 bits, which can move rankings: used where `manage.py models gate` has proven it for the model.
INT8 = "openvino-int8"
#: The same for whoever wants it all the same.
UNPROVEN_INT8 = "openvino-int8-unproven"

BACKENDS = (
    *("torch-fp32", "torch-bf16", "torch-fp16"),
    *("openvino-fp32", "openvino-bf16", INT8, UNPROVEN_INT8),
    "onnx-fp32",
)


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
