"""What a query asks for, read from its form and from the kinds of the corpora searched.

Rules that a person can check, each giving its reason in words: people must be able to see why a
query was read as it was, and to change it. Form cannot tell everything: a bare statement can be a
claim, a premise or a sentence, and a question does not say whether a passage or a whole document is
wanted. Where that is so, the detection says it is not sure and names the other readings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from apps.retrievers.intents import Intent

QA, QADOC, TWITTER, FACTCHECK, NLI, STS = Intent

LABELS = {
    QA: "Question → passages",
    QADOC: "Question → documents",
    TWITTER: "Request → tweets",
    FACTCHECK: "Claim → evidence",
    NLI: "Premise → what follows from it",
    STS: "Sentence → same meaning",
}

# Longer statements are read as premises: a claim is one thing said in one short sentence. Measured: docs/evaluation.md.
CLAIM_WORDS = 22
# Longer texts are rarely topics, verb or none: headlines leave verbs out that no list holds.
TOPIC_WORDS = 8


@dataclass(frozen=True, slots=True)
class Detection:
    """How a query is read: `alternatives` are the other sound readings, likeliest first."""

    intent: Intent
    reasons: tuple[str, ...]
    alternatives: tuple[Intent, ...] = ()
    sure: bool = True


def detect(text: str, kinds: Collection[str] = ()) -> Detection:
    """Return how to read `text` when corpora of these `kinds` are searched; none given: any kind."""
    form = Form.of(text)
    for rule in _RULES:
        if detection := rule(form, frozenset(kinds)):
            return detection
    raise AssertionError("the last rule takes every text")


@dataclass(frozen=True, slots=True)
class Form:
    """What the shape of a query gives away."""

    text: str
    words: tuple[str, ...]
    sentences: int

    @classmethod
    def of(cls, text: str) -> Form:
        tidy = " ".join(text.split())
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
    def is_long(self) -> bool:
        return self.sentences > 1 or len(self.words) > CLAIM_WORDS


Rule = Callable[[Form, frozenset[str]], Detection | None]


def _is_a_pasted_post(form: Form, kinds: frozenset[str]) -> Detection | None:
    if not (match := _POST.search(form.text)):
        return None
    sign = f"looks like a pasted post ('{match[0].strip()}')"
    if kinds == {"tweet"}:
        return Detection(TWITTER, (sign, "only tweets are searched"), (STS, FACTCHECK))
    return Detection(FACTCHECK, (sign, "posts are pasted to be checked"), (STS, TWITTER))


def _asks_in_so_many_words(form: Form, kinds: frozenset[str]) -> Detection | None:
    """The person names what is wanted: 'tweets about', 'is it true that', 'guidance on'."""
    if len(form.words) > CLAIM_WORDS:
        return None
    for intent, pattern in _REQUESTS.items():
        if intent == QADOC and kinds == {"tweet"}:
            continue  # "reports of looting" among tweets are tweets
        if match := pattern.search(form.text):
            return Detection(intent, (f"says '{match[0].strip().lower()}'",))
    return None


def _searches_tweets_only(form: Form, kinds: frozenset[str]) -> Detection | None:
    if kinds != {"tweet"}:
        return None
    reason = "only tweets are searched"
    if form.question_sign:
        return Detection(TWITTER, (reason, form.question_sign), (QA,))
    if form.statement_sign:
        return Detection(TWITTER, (reason, form.statement_sign), (FACTCHECK, STS), sure=False)
    return Detection(TWITTER, (reason,))


def _is_a_question(form: Form, kinds: frozenset[str]) -> Detection | None:
    if not (sign := form.question_sign):
        return None
    if kinds == {"claim"}:
        reason = "only claims are searched: which says the same?"
        return Detection(STS, (sign, reason), (FACTCHECK, QA))
    if match := _PROCEDURE.search(form.text):
        return Detection(QADOC, (sign, f"'{match[0].lower()}': whole documents say how a thing is done"), (QA,))
    return Detection(QA, (sign,), (QADOC,))


def _speaks_of_people_in_need(form: Form, kinds: frozenset[str]) -> Detection | None:
    """Posts are where people ask for help and offer it; a sentence about them is still a sentence."""
    if not (match := _NEED.search(form.text)) or form.text.endswith("."):
        return None
    return Detection(TWITTER, (f"speaks of people asking or offering ('{match[0]}')",), (QA, QADOC))


def _is_a_statement(form: Form, kinds: frozenset[str]) -> Detection | None:
    """A claim, a premise or a sentence: length and kinds only make one of them likelier."""
    if not (sign := form.statement_sign):
        return None
    if kinds == {"claim"}:
        likeliest = NLI if len(form.words) > TOPIC_WORDS else STS
        reasons = (sign, "only claims are searched: which of them follow from it or repeat it?")
    elif form.is_long:
        likeliest, reasons = NLI, (sign, "is long for a claim")
    elif kinds == {"other"}:
        likeliest, reasons = STS, (sign, "neither evidence nor claims are searched: what says the same?")
    elif kinds and kinds <= {"report", "guidance"}:
        likeliest, reasons = FACTCHECK, (sign, "reports and guidance hold evidence")
    else:
        likeliest, reasons = FACTCHECK, (sign, "is short, like a claim")
    others = tuple(intent for intent in (FACTCHECK, NLI, STS) if intent != likeliest)
    return Detection(likeliest, reasons, others, sure=False)


def _names_a_topic(form: Form, kinds: frozenset[str]) -> Detection:
    if len(form.words) <= 1:
        return Detection(QA, ("is one word",), (QADOC, TWITTER), sure=False)
    return Detection(QADOC, ("names a topic, asks and states nothing",), (QA, TWITTER))


_RULES: tuple[Rule, ...] = (
    _is_a_pasted_post,
    _asks_in_so_many_words,
    _searches_tweets_only,
    _is_a_question,
    _speaks_of_people_in_need,
    _is_a_statement,
    _names_a_topic,
)

_WORD = re.compile(r"[\w'-]+")
_SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z]|$)")
_POST = re.compile(r"(?<!\w)@\w{2,}|\bpic\.twitter\.com|\bt\.co/|^RT ")
_QUESTION_START = re.compile(
    r"(what|which|who|whom|whose|when|where|why|how)\b"
    r"|(is|are|was|were|do|does|did|can|could|should|would|will|has|have|may|must) "
    r"(the|a|an|i|we|you|they|he|she|it|this|that|there|these|those|my|our|your|any|people|\w+ly|\w+)\b"
    r"|(explain|describe|tell me|in what|at what|for how|for what|to what|under what)\b",
    re.IGNORECASE,
)
_PROCEDURE = re.compile(
    r"\b(how (do|should|can|must|shall) (we|you|i|one|people|volunteers|teams)|how to"
    r"|what (should|must|shall|do) [\w ]+ do\b|what to do|what happened)\b",
    re.IGNORECASE,
)
_NEED = re.compile(
    r"\b((someone|somebody|anyone|people|families|family) (\w+ing|trapped|stranded|missing|in need)"
    r"|(asking|looking|searching|begging) for|offering|in need of|who needs?|needed$|needs? (help|rescue|a boat))\b",
    re.IGNORECASE,
)
_DOCUMENT = (
    r"(situation reports?|sit-?reps?|reports?|documents?|guidance|guidelines?|guides?|plans?"
    r"|procedures?|checklists?|manuals?|handbooks?|bulletins?|articles?)"
)
_REQUESTS: dict[Intent, re.Pattern[str]] = {
    TWITTER: re.compile(
        r"\b(tweets?|twitter|social media|hashtags?|(posts?|messages?) (about|from|on|of|asking|and)"
        r"|people (are )?(saying|posting|asking)|eye-?witness(es)?)\b|(?<!\w)#[a-z]\w+$",
        re.IGNORECASE,
    ),
    FACTCHECK: re.compile(
        r"\b(is it true|fact.?check|true or false|evidence (for|against|that)|debunk\w*"
        r"|(claim|rumou?r)s?( is)? (that|:)|(the )?(claim|rumou?r) (that|of))|^(claim|rumou?r):",
        re.IGNORECASE,
    ),
    NLI: re.compile(r"\b(what follows|follows from|implies|entails?|entailed by)\b|^premise:", re.IGNORECASE),
    STS: re.compile(
        r"\b(same meaning|means? the same|says? the same|similar (sentence|statement)s?|paraphrases?"
        r"|in other words|repeats? of)\b|^sentence:",
        re.IGNORECASE,
    ),
    QADOC: re.compile(
        rf"^(find|show|list|get|give)?\s*(me\s+)?(all|any|the|latest|every)?\s*(\w+ )?{_DOCUMENT} "
        r"(on|about|for|of|from|covering|that)\b",
        re.IGNORECASE,
    ),
}
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
    """.split()
)
_NOUNS_OR_VERBS = frozenset(
    "tests fires hits works reports floods closes causes plans needs calls claims strikes urges uses".split()
)
_AFTER_NOUNS = frozenset("in on at of for from to by with and or during after before near across about under".split())
