"""How a model wants its texts introduced. Each convention is one that models were trained with."""

from dataclasses import dataclass

from apps.retrievers.intents import Intent, instruction


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompts:
    """Prefixes for queries and passages; `{instruction}` stands for the intent's instruction."""

    query: str = ""
    passage: str = ""

    @property
    def know_intents(self) -> bool:
        return "{instruction}" in self.query

    def query_prefix(self, intent: Intent) -> str:
        return self.query.replace("{instruction}", instruction(intent))


NONE = Prompts()
DMRETRIEVER = Prompts(query="{instruction}: ")
BGE = Prompts(query="Represent this sentence for searching relevant passages: ")
ARCTIC_V2 = Prompts(query="query: ")
E5 = Prompts(query="query: ", passage="passage: ")
INSTRUCT = Prompts(query="Instruct: {instruction}\nQuery: ")
QWEN3_EMBEDDING = Prompts(query="Instruct: {instruction}\nQuery:")
