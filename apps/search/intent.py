"""What a query asks for, read from its form and from what is searched: its kinds and what its texts look like.

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
from apps.search.form import CLAIM_WORDS, TOPIC_WORDS, Form
from apps.search.premises import likeness
from apps.search.shape import Shape

QA, QADOC, TWITTER, FACTCHECK, NLI, STS = Intent

LABELS = {
    QA: "Question → passages",
    QADOC: "Question → documents",
    TWITTER: "Request → tweets",
    FACTCHECK: "Claim → evidence",
    NLI: "Premise → what follows from it",
    STS: "Sentence → same meaning",
}


@dataclass(frozen=True, slots=True)
class Detection:
    """How a query is read: `alternatives` are the other sound readings, likeliest first."""

    intent: Intent
    reasons: tuple[str, ...]
    alternatives: tuple[Intent, ...] = ()
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Searched:
    """What is known of the corpora searched; nothing known is no evidence."""

    kinds: frozenset[str] = frozenset()
    shapes: tuple[Shape, ...] = ()

    def only(self, kind: str) -> bool:
        return self.kinds == {kind}

    @property
    def are_questions(self) -> bool:
        return bool(self.shapes) and all(shape.are_questions for shape in self.shapes)

    @property
    def are_statements(self) -> bool:
        return bool(self.shapes) and all(shape.are_statements for shape in self.shapes)

    @property
    def words(self) -> float:
        """How long the texts searched are, on average over the corpora."""
        return sum(shape.words for shape in self.shapes) / len(self.shapes) if self.shapes else 0.0


def detect(text: str, kinds: Collection[str] = (), shapes: Collection[Shape] = ()) -> Detection:
    """Return how to read `text` when corpora of these `kinds` and `shapes` are searched; none given: any."""
    form, searched = Form.of(text), Searched(frozenset(kinds), tuple(shapes))
    for rule in _RULES:
        if detection := rule(form, searched):
            return detection
    raise AssertionError("the last rule takes every text")


Rule = Callable[[Form, Searched], Detection | None]


def _is_a_pasted_post(form: Form, searched: Searched) -> Detection | None:
    if not (sign := form.post_sign):
        return None
    if searched.only("tweet"):
        return Detection(TWITTER, (sign, "only tweets are searched"), (STS, FACTCHECK))
    return Detection(FACTCHECK, (sign, "posts are pasted to be checked"), (STS, TWITTER))


def _searches_questions_only(form: Form, searched: Searched) -> Detection | None:
    if not searched.are_questions or searched.only("tweet"):
        return None
    sign = form.question_sign or form.statement_sign or "names a topic"
    return Detection(STS, (sign, "only questions are searched: which asks the same?"), (QA, QADOC))


def _asks_in_so_many_words(form: Form, searched: Searched) -> Detection | None:
    """The person names what is wanted: 'tweets about', 'is it true that', 'guidance on'."""
    if len(form.words) > CLAIM_WORDS:
        return None
    for intent, pattern in _REQUESTS.items():
        if intent == QADOC and searched.only("tweet"):
            continue  # "reports of looting" among tweets are tweets
        if match := pattern.search(form.text):
            return Detection(intent, (f"says '{match[0].strip().lower()}'",))
    return None


def _searches_tweets_only(form: Form, searched: Searched) -> Detection | None:
    if not searched.only("tweet"):
        return None
    reason = "only tweets are searched"
    if form.question_sign:
        return Detection(TWITTER, (reason, form.question_sign), (QA,))
    if form.statement_sign:
        return Detection(TWITTER, (reason, form.statement_sign), (FACTCHECK, STS), sure=False)
    return Detection(TWITTER, (reason,))


def _is_a_question(form: Form, searched: Searched) -> Detection | None:
    if not (sign := form.question_sign):
        return None
    if searched.only("claim"):
        reason = "only claims are searched: which says the same?"
        return Detection(STS, (sign, reason), (FACTCHECK, QA))
    if match := _PROCEDURE.search(form.text):
        return Detection(QADOC, (sign, f"'{match[0].lower()}': whole documents say how a thing is done"), (QA,))
    return Detection(QA, (sign,), (QADOC,))


def _speaks_of_people_in_need(form: Form, searched: Searched) -> Detection | None:
    """Posts are where people ask for help, offer it and feel for others; a sentence about them is still a sentence."""
    if not (match := _NEED.search(form.text)) or form.text.endswith("."):
        return None
    return Detection(TWITTER, (f"speaks of what people post ('{match[0].lower()}')",), (QA, QADOC))


def _states_something_among_statements(form: Form, searched: Searched) -> Detection | None:
    if not searched.are_statements or searched.only("claim"):
        return None
    if not form.statement_sign and len(form.words) < _TOPIC_AT_MOST:
        return None
    sign = form.statement_sign or "is long for a topic among statements"
    if searched.kinds and searched.kinds <= {"report", "guidance"}:
        return _statement(FACTCHECK, sign, "reports and guidance hold evidence")
    return _by_kind(form, sign, searched) or _statement(*_compared(form, searched, sign))


def _compared(form: Form, searched: Searched, sign: str) -> tuple[Intent, str, str]:
    """Beside the texts searched a statement tells what it wants: evidence is longer than it, conclusions are shorter."""
    length, usual = len(form.words), searched.words
    if form.sentences > 1 or length > usual * _LONGER:
        return NLI, sign, "is longer than the statements searched: which follow from it?"
    if length < usual / _LONGER:
        return FACTCHECK, sign, "is shorter than the statements searched: which are evidence?"
    return STS, sign, "is as long as the statements searched: which say the same?"


def _is_a_statement(form: Form, searched: Searched) -> Detection | None:
    """A claim, a premise or a sentence: how it is written and the kinds only make one of them likelier."""
    if not (sign := form.statement_sign):
        return None
    return _by_kind(form, sign, searched) or _statement(*_as_written(form, sign))


def _by_kind(form: Form, sign: str, searched: Searched) -> Detection | None:
    if searched.only("claim"):
        likeliest = NLI if len(form.words) > TOPIC_WORDS else STS
        return _statement(likeliest, sign, "only claims are searched: which of them follow from it or repeat it?")
    if searched.only("other"):
        return _statement(STS, sign, "neither evidence nor claims are searched: what says the same?")
    return None


def _as_written(form: Form, sign: str) -> tuple[Intent, str, str]:
    if form.sentences > 1:
        return NLI, sign, "is of several sentences: long for a claim"
    found = likeness(form)
    signs = f": {', '.join(found.signs)}" if found.signs else ""
    if found.is_premise:
        return NLI, sign, f"reads like a premise{signs}"
    return FACTCHECK, sign, f"reads like a claim{signs}"


def _statement(likeliest: Intent, *reasons: str) -> Detection:
    others = tuple(intent for intent in (FACTCHECK, NLI, STS) if intent != likeliest)
    return Detection(likeliest, reasons, others, sure=False)


def _names_a_topic(form: Form, searched: Searched) -> Detection:
    if len(form.words) <= 1:
        return Detection(QA, ("is one word",), (QADOC, TWITTER), sure=False)
    reason = "names a topic, asks and states nothing"
    if searched.are_statements:
        return Detection(QA, (reason, "what is searched has no whole documents"), (QADOC, TWITTER))
    return Detection(QADOC, (reason,), (QA, TWITTER))


_RULES: tuple[Rule, ...] = (
    _is_a_pasted_post,
    _searches_questions_only,
    _asks_in_so_many_words,
    _searches_tweets_only,
    _is_a_question,
    _speaks_of_people_in_need,
    _states_something_among_statements,
    _is_a_statement,
    _names_a_topic,
)

# So much longer than what is searched is longer.
_LONGER = 1.25
# Among single sentences a title of so many words is one of them.
_TOPIC_AT_MOST = 5
_PROCEDURE = re.compile(
    r"\b(how (do|should|can|must|shall) (we|you|i|one|people|volunteers|teams)|how to"
    r"|what (should|must|shall|do) [\w ]+ do\b|what to do|what happened)\b",
    re.IGNORECASE,
)
_NEED = re.compile(
    r"\b((someone|somebody|anyone|people|families|family) (\w+ing|trapped|stranded|missing|in need)"
    r"|(asking|looking|searching|begging) for|offering|in need of|who needs?|needed( or offered)?$"
    r"|needs? (help|rescue|a boat)|(requests?|offers?) (for|of) (aid|help)|people affected: |personal updates"
    r"|donations and |(sympathy|condolences|prayers|gratitude)\b(?=.*,)|caution and advice)\b",
    re.IGNORECASE,
)
_DOCUMENT = (
    r"(situation reports?|sit-?reps?|reports?|documents?|guidance|guidelines?|guides?|plans?"
    r"|procedures?|checklists?|manuals?|handbooks?|bulletins?|articles?)"
)
_REQUESTS: dict[Intent, re.Pattern[str]] = {
    TWITTER: re.compile(
        r"\b(tweets?|twitter|hashtags?|(posts|messages) (about|from|on|of|asking|and)"
        r"|(on|in|from) social media$|social media (posts?|messages?|updates?|reports?)"
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
