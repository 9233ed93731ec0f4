"""The README of an exported model."""

from collections.abc import Mapping

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from apps.retrievers.fingerprints import is_fingerprint
from apps.retrievers.intents import Intent

_PAGE = """\
---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
license: {licence}
tags: [sentence-transformers, feature-extraction, information-retrieval, disaster-management]
---
# {name}

A dense retriever for disaster management: text in, a vector of {dim} numbers out, of length one.
{layers} layers, {parameters} million parameters, at most {max_tokens} tokens, {pooling} pooling.
Weights: {source}, `{revision}`.

## Use
```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
query = model.encode_query("Which levees failed?", prompt_name="{prompt_name}")
passages = model.encode_document(["The north levee failed at noon.", "Shelters need blankets."])
print(model.similarity(query, passages))
```
Passages are embedded {passages}. {queries}

{prompts}
## Scores
{scores}
"""


def model_card(card: RetrieverCard, checkpoint: Checkpoint, *, scores: Mapping[str, float]) -> str:
    """Return the page. scores: NDCG@10 in percent by intent; may be empty."""
    return _PAGE.format(
        name=card.name,
        licence=card.licence,
        dim=card.dim,
        layers=card.layers,
        parameters=card.parameters,
        max_tokens=card.max_tokens,
        pooling=card.pooling,
        source="a local checkpoint" if is_fingerprint(checkpoint.revision) else card.hub_id,
        revision=checkpoint.revision,
        prompt_name=Intent.QA if card.knows_intents else "query",
        passages=f"after `{card.prompts.passage}`" if card.prompts.passage else "as they are",
        queries=_about_queries(card),
        prompts=_prompt_table(card),
        scores=_score_table(scores),
    )


def _about_queries(card: RetrieverCard) -> str:
    if card.knows_intents:
        return "A query carries the instruction of its intent, under these names:"
    if card.prompts.query:
        return f"A query follows `{card.prompts.query}`."
    return "So are queries: this model was trained without prompts."


def _prompt_table(card: RetrieverCard) -> str:
    if not card.knows_intents:
        return ""
    rows = [f"| `{intent}` | {card.instruction_for(intent)} |" for intent in Intent]
    return "\n".join(["| prompt_name | instruction |", "|---|---|", *rows, ""])


def _score_table(scores: Mapping[str, float]) -> str:
    if not scores:
        return "None were given when this folder was written."
    rows = [f"| {intent} | {scores[intent]:.2f} |" for intent in Intent if intent in scores]
    average = sum(scores[intent] for intent in Intent if intent in scores) / len(rows)
    return "\n".join(["| intent | NDCG@10 |", "|---|---|", *rows, f"| average | {average:.2f} |"])
