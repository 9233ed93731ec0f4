"""The learning rate as a pure function of the step."""

import math

from workers.training.recipe import Stage


def rate_at(step: int, stage: Stage, *, steps: int) -> float:
    """Return the rate of step 0 … steps-1: it rises over the warm-up, then falls as the stage says."""
    warm = round(stage.warmup * steps)
    if step < warm:
        return stage.learning_rate * (step + 1) / (warm + 1)
    share = (step - warm) / max(steps - warm, 1)
    falling = {"constant": 1.0, "linear": 1 - share, "cosine": (1 + math.cos(math.pi * share)) / 2}
    return stage.learning_rate * falling[stage.schedule]
