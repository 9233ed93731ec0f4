from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class StartOptions:
    #: The server ends when the calling thread does (Linux).
    die_with_parent: bool = False
    #: What was committed outlives a power cut. Tests do without, as nothing of theirs has to.
    durable: bool = True
