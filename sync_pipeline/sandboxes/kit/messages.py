"""What every control API takes and gives: the words that its server and its client share."""

import msgspec

from sync_pipeline.sandboxes.kit.faults import FaultKind


class FaultOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A fault to inject; the fields are those of faults.Fault."""

    kind: FaultKind
    path: str = "*"
    count: int | None = None
    probability: float = 1.0
    after: int = 0
    seed: int = 0
    seconds: float = 0.0
    items: int = 0


class FaultView(FaultOrder):
    """An injected fault: how many requests matched its path, and how many it struck."""

    id: int = 0
    matched: int = 0
    applied: int = 0


class CountersView(msgspec.Struct):
    """Requests by route (a path's template) and outcome: a status, or ``cut``, ``truncated``, ``html``."""

    requests: dict[str, dict[str, int]]

    def total(self, route: str = "") -> int:
        """Return how many requests there were, of one route or in all."""
        chosen = self.requests.values() if not route else [self.requests.get(route, {})]
        return sum(sum(outcomes.values()) for outcomes in chosen)


class ClockMove(msgspec.Struct, forbid_unknown_fields=True):
    """Seconds to move the sandbox's clock forward."""

    advance: float
