"""What the shape of a query gives away: a question, a statement or a topic, each by a sign that a person can check."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Longer statements are read as premises where nothing else tells: a claim is one thing said in one short sentence.
CLAIM_WORDS = 22
# Longer texts are rarely topics, verb or none: headlines leave verbs out that no list holds.
TOPIC_WORDS = 8
# Characters: what is pasted beyond them changes nothing about what it is.
LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class Form:
    """What the shape of a query gives away."""

    text: str
    words: tuple[str, ...]
    sentences: int

    @classmethod
    def of(cls, text: str) -> Form:
        tidy = " ".join(text[:LONGEST].split())
        return cls(
            text=tidy,
            words=tuple(_WORD.findall(tidy.lower().replace("’", "'"))),
            sentences=max(1, len(_SENTENCE_END.findall(tidy))),
        )

    @property
    def question_sign(self) -> str:
        """Say what makes it a question; empty when nothing does."""
        if self.text.endswith("?"):
            return "ends with '?'"
        if self.text.endswith(".") and _CLAUSE_START.match(self.text):
            return ""  # "When soap is short, ash will do."
        if match := _QUESTION_START.match(self.text):
            return f"asks '{match[0].strip().lower()}'"
        return ""

    @property
    def statement_sign(self) -> str:
        """Say what makes it a statement; empty when it only names a topic."""
        if verb := next(filter(None, map(self._verb_at, range(1, len(self.words)))), ""):
            return f"states something ('{verb}')"
        if self.text.endswith((".", "!")) and len(self.words) > 3:
            return "is a whole sentence"
        if len(self.words) > TOPIC_WORDS and not _TOPIC_SIGN.search(self.text):
            return "is long for a topic"
        return ""

    def _verb_at(self, place: int) -> str:
        """Return the word there if it is a finite verb; 'tests' is one only before what is tested."""
        word, following = self.words[place], self.words[place + 1 : place + 2]
        if word in _VERBS:
            return word
        is_verb = word in _NOUNS_OR_VERBS and following and following[0] not in _AFTER_NOUNS
        return word if is_verb else ""

    @property
    def is_plain_statement(self) -> bool:
        """Say whether it states something in the writer's own words: no question, topic or pasted post."""
        return bool(self.statement_sign) and not self.question_sign and not self.post_sign

    @property
    def post_sign(self) -> str:
        """Say what makes it a pasted post; empty when nothing does."""
        match = _POST.search(self.text)
        return f"looks like a pasted post ('{match[0].strip()}')" if match else ""


_WORD = re.compile(r"[\w'-]+")
_POST = re.compile(r"(?<!\w)@\w{2,}|\bpic\.twitter\.com|\bt\.co/|^RT ")
_SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z]|$)")
_QUESTION_START = re.compile(
    r"(what|which|who(?! (and|to|says|warns|urges))|whom|whose|when|where|why|how)\b"
    r"|(is|are|was|were|do|does|did|can|could|should|would|will|has|have|may|must) "
    r"(the|a|an|i|we|you|they|he|she|it|this|that|there|these|those|my|our|your|any|people|\w+ly|\w+)\b"
    r"|(explain|describe|tell me|in what|at what|for how|for what|to what|under what)\b",
    re.IGNORECASE,
)
_CLAUSE_START = re.compile(r"(when|where|who|how|whatever|while)\b", re.IGNORECASE)
# A year or a colon: "Cholera in Congo, 1999", "Alberta floods: roads closed".
_TOPIC_SIGN = re.compile(r"\b(19|20)\d\d$|: ")
_VERBS = frozenset(
    """
    is are was were be been has have had can cannot may might will would could should must do does did
    isn't aren't wasn't weren't can't won't doesn't don't didn't
    says said shows showed shown finds found suggests suggested reveals revealed indicates indicated
    confirms confirmed warns warned declares declared announces announced orders ordered
    causes caused cures cured prevent prevents prevented protect protects protected reduces reduced increases increased
    improve improves improved reduce increase affects affected spreads kills killed injures injured dies died
    tested begins began ends ended starts started leads led helps helped worked tells told
    fails failed collapses collapsed explodes exploded flooded closed opens opened destroyed
    evacuates requires required remains remained becomes became makes made derails conducts
    takes took gets got goes went comes came seems stops stopped rises rose falls fell gives gave
    approves authorises authorizes cancels develops eliminates exposes extends identifies infects inhibits predicts
    provides provided sees saw sends sent stimulates survives survived admits admitted lied
    """.split()
)
_NOUNS_OR_VERBS = frozenset(
    "tests fires hits works reports floods closes causes plans needs calls claims strikes urges uses".split()
)
_AFTER_NOUNS = frozenset("in on at of for from to by with and or during after before near across about under".split())
