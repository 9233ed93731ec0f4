"""The six search intents and the words that name them to the model.

DMRetriever saw these sentences, letter for letter, in training (arXiv 2510.15087); a search,
a training run and an evaluation must all use the same ones, so they live here and nowhere else.
"""

from enum import StrEnum


class Intent(StrEnum):
    """What a person wants from a search. The values are the keys used in files."""

    QA = "QA"
    QADOC = "QAdoc"
    TWITTER = "Twitter"
    FACTCHECK = "FactCheck"
    NLI = "NLI"
    STS = "STS"


_INSTRUCTIONS = {
    Intent.QA: "Given the question, retrieve most relevant passage that best answers the question",
    Intent.QADOC: "Given the question, retrieve the most relevant document that answers the question",
    Intent.TWITTER: ("Given the user query, retrieve the most relevant Twitter text that meets the request"),
    Intent.FACTCHECK: ("Given the claim, retrieve most relevant document that supports or refutes the claim"),
    Intent.NLI: ("Given the premise, retrieve most relevant hypothesis that is entailed by the premise"),
    Intent.STS: "Given the sentence, retrieve the sentence with the same meaning",
}


def instruction(intent: Intent) -> str:
    return _INSTRUCTIONS[intent]


def instruct(query: str, intent: Intent) -> str:
    """Return `query` as DMRetriever saw it in training. Passages are never instructed."""
    return f"{instruction(intent)}: {query.strip()}"
