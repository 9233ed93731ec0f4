"""RetrieverCard: everything that must be known of a model to use it right."""

from dataclasses import dataclass
from typing import Literal

from apps.retrievers.intents import Intent, instruction
from apps.retrievers.prompts import NONE, Prompts

Pooling = Literal["mean", "cls", "last"]
Architecture = Literal["encoder", "decoder"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrieverCard:
    """One published model. Prompts, pooling and length belong here, never to the caller."""

    name: str
    hub_id: str  #: "" for a model that no hub carries
    revision: str = "main"  #: commit of the hub repository; "main" where none is known to us
    dim: int
    layers: int
    parameters: int  #: in millions
    max_tokens: int = 512  #: special tokens included
    pooling: Pooling = "mean"
    architecture: Architecture = "encoder"
    bidirectional: bool = True
    end_mark: str = ""  #: token a last-token model reads the text's meaning from
    prompts: Prompts = NONE
    licence: str = "apache-2.0"
    released: bool = True
    needs_own_code: bool = False  #: only runs with code shipped beside its weights, which we refuse
    note: str = ""

    @property
    def size_class(self) -> str:
        """The band of the published table that this model is compared in."""
        bands = ((137, "small"), (400, "medium"), (2_000, "large"))
        return next((name for below, name in bands if self.parameters < below), "xl")

    @property
    def knows_intents(self) -> bool:
        return self.prompts.know_intents

    @property
    def why_not_trained(self) -> str:
        """Return what keeps this model from being trained here; "" where nothing does."""
        if not self.hub_id:
            return f"{self.name} is not a model that learns."
        if self.needs_own_code:
            return f"{self.name} only runs with code shipped beside its weights, which is never run here."
        if self.end_mark:
            return f"{self.name} reads what a text means from an end mark, and what is trained here pools without one."
        return ""

    def instruction_for(self, intent: Intent) -> str:
        """Return the words this model is told about `intent`: none if it was trained without."""
        return instruction(intent) if self.knows_intents else ""

    def query_text(self, query: str, intent: Intent) -> str:
        """Return `query` with the prompt this model was trained with."""
        return self.prompts.query_prefix(intent) + query.strip()

    def passage_text(self, text: str) -> str:
        """Return `text` as this model wants passages."""
        return self.prompts.passage + text.strip()
