"""How much meaning weighs against words, by intent, where rankings are fused by score."""

from apps.retrievers.intents import Intent

#: The dense arm's share of the sum, when each arm's scores are stretched to 0 … 1; the words have the rest.
#: Long documents are found by their words, a sentence of the same meaning by its vector: measured on twelve
#: sets in docs/experiments.md.
DENSE_SHARES = {
    Intent.QADOC: 0.35,
    Intent.QA: 0.6,
    Intent.TWITTER: 0.6,
    Intent.FACTCHECK: 0.6,
    Intent.NLI: 0.7,
    Intent.STS: 0.7,
}
