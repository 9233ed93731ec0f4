"""What the pages offer to do with an index: when, with which consequence, and what is said after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apps.indexing import certifying, services, switching
from apps.indexing.models import VectorIndex
from apps.indexing.pace import pace

_Status = VectorIndex.Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    name: str
    label: str
    icon: str
    among: Sequence[str]  #: statuses in which it is offered
    run: Callable[[VectorIndex], object]
    said: str
    #: What will happen, to be confirmed first; None: it is done at once, for it is easily undone.
    consequence: Callable[[VectorIndex], str] | None = None
    danger: bool = False

    @property
    def asks_first(self) -> bool:
        """A template cannot look at `consequence` itself: it would call it."""
        return self.consequence is not None


def offered(index: VectorIndex) -> list[Act]:
    """Return what can be done with `index` now."""
    acts = [act for act in ACTS.values() if index.status in act.among]
    return [act for act in acts if act.name != "retry" or pace(index).set_aside]


def _of_going_live(index: VectorIndex) -> str:
    live = VectorIndex.objects.live()
    seen = pace(index)
    text = f"From the next search on, {index.retriever} answers. "
    if live:
        text += f"{live.retriever} stands by and is kept up: going back takes a moment. "
    if seen.owed or seen.set_aside:
        text += f"{seen.owed + seen.set_aside:,} passages are not in it yet; they are found by their words. "
    older = VectorIndex.objects.standby()
    if older and older.pk != index.pk and live:
        text += f"{older.retriever}, which stands by now, is kept up no more; its vectors stay until you drop it. "
    if certifying.is_below_floor(index):
        text += "Its recall is below what you asked for."
    return text


def _of_dropping(index: VectorIndex) -> str:
    stored = pace(index).stored
    return f"Its {stored:,} vectors are deleted from the disk. This cannot be undone: they would have to be embedded again."


def _of_retiring(_index: VectorIndex) -> str:
    return "New passages do not enter it any more. Its vectors stay; it can catch up later."


_BUSY = (_Status.BUILDING, _Status.PAUSED)
_ALL = (
    Act(
        name="activate",
        label="Go live",
        icon="ok",
        among=(_Status.READY, _Status.STANDBY),
        run=switching.activate,
        said="It answers searches now. To undo this, roll back.",
        consequence=_of_going_live,
    ),
    Act(
        name="pause",
        label="Pause",
        icon="pause",
        among=(_Status.BUILDING,),
        run=switching.pause,
        said="Paused. What was embedded stays.",
    ),
    Act(
        name="resume",
        label="Go on",
        icon="right",
        among=(_Status.PAUSED, _Status.RETIRED),
        run=switching.resume,
        said="It goes on as soon as a worker is free.",
    ),
    Act(
        name="certify",
        label="Measure now",
        icon="chart",
        among=(_Status.READY, _Status.LIVE, _Status.STANDBY),
        run=certifying.request,
        said="An embedding worker measures it; the certificate appears here.",
    ),
    Act(
        name="retry",
        label="Try again what was set aside",
        icon="retry",
        among=(*VectorIndex.GROWING, _Status.PAUSED),
        run=services.retry_set_aside,
        said="What was set aside is tried again.",
    ),
    Act(
        name="retire",
        label="Retire",
        icon="close",
        among=(_Status.READY, _Status.STANDBY),
        run=switching.retire,
        said="Retired. Drop it to free its disk space.",
        consequence=_of_retiring,
    ),
    Act(
        name="cancel",
        label="Cancel",
        icon="close",
        among=_BUSY,
        run=switching.drop,
        said="Cancelled; its vectors are gone.",
        consequence=_of_dropping,
        danger=True,
    ),
    Act(
        name="drop",
        label="Drop",
        icon="trash",
        among=(_Status.READY, _Status.STANDBY, _Status.RETIRED),
        run=switching.drop,
        said="Dropped; its disk space is free.",
        consequence=_of_dropping,
        danger=True,
    ),
)
ACTS = {act.name: act for act in _ALL}
