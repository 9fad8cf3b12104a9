"""What a pipeline is to the rest of the project: its name, its words, and the functions by which it is found.

The command line, the API, Dagster's definitions, health, maintenance, migrations and key rotation know pipelines only
through this description and the tuple of them in pipelines/registry.py. Nothing here imports Dagster or a vendor's
client; a pipeline's functions import what they need when they are called.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from sync_pipeline.batches.requests import SELECTION, VERIFY, Ask, LaneName, Level, Mode
from sync_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pydantic import BaseModel

    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.models import SyncSchedule
    from sync_pipeline.batches.parts import BatchPart
    from sync_pipeline.batches.requests import BatchRequest
    from sync_pipeline.batches.secrets import Keyring
    from sync_pipeline.delivery.preview import Preview
    from sync_pipeline.delivery.verify import Verification
    from sync_pipeline.settings import Settings


class Runtime(Protocol):
    """A pipeline at work: opened on settings and a ledger. It connects to nothing before it is used."""

    @property
    def ledger(self) -> Ledger:
        """The ledger that it works on."""
        ...


@dataclass(frozen=True)
class Finding:
    """One line of `health`: what was looked at, in what state it is, and the exit status that this means.

    A ``warning`` is what should be otherwise and stops nothing; its exit status is 0.
    """

    what: str
    detail: str
    exit_status: int = 0
    warning: bool = False

    @property
    def level(self) -> str:
        """`ok`, `warning` or `failure`."""
        return "failure" if self.exit_status else "warning" if self.warning else "ok"


def _nothing(*_: Any) -> Any:
    return []


def _no_title(*_: Any) -> None:
    return None


def _no_dry_run(_: Any, request: BatchRequest) -> Any:
    raise UsageError(f"{request.pipeline} has no dry run")


@dataclass(frozen=True)
class Pipeline:
    """One pipeline, as the registry has it.

    ``noun`` begins its scopes (`store:abc`) and is its own; ``types`` names what a batch may cover, the first is the
    default; ``needs`` are the embedded engines that stand in for what no setting names. ``section`` is the model of its
    part of sync-pipeline.yaml, ``tables`` the modules of its ledger tables, ``sealed`` its encrypted columns.
    ``variables`` are names of its own in the environment: the processes that `dev` starts get them, too.

    ``open`` makes the runtime. ``request`` checks what was asked for and ``recurring`` what a schedule asks for;
    ``replay`` makes the batch that delivers one key again; all raise UsageError. ``check_scope`` raises UsageError for
    a scope that does not exist; ``scopes`` lists those there are. ``definitions`` makes what Dagster loads
    (``orchestration.members.PipelineDefinitions``). ``dry_run`` says what a request would do, by part; ``verify``
    compares source and destination, by part, as the options of a batch of type `verify` say (``verify_request``).
    ``health`` looks at what the pipeline alone needs,
    ``title`` returns the name by which people know a scope, if it has one beside that of its partition;
    ``tidy`` removes what is old and over. ``unconfigured`` says why the pipeline has nothing to do, None when it has.
    """

    name: str
    noun: str
    types: tuple[str, ...]
    open: Callable[[Settings, Ledger, Keyring], Any]
    request: Callable[[Ask], BatchRequest]
    recurring: Callable[[SyncSchedule], BatchRequest]
    replay: Callable[[str, str], BatchRequest]
    scopes: Callable[[Ledger], Sequence[str]]
    check_scope: Callable[[Ledger, str], None]
    definitions: Callable[[], Any]
    needs: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    section: type[BaseModel] | None = None
    tables: Callable[[], Sequence[Any]] = _nothing
    sealed: Callable[[], Sequence[Any]] = _nothing
    dry_run: Callable[[Any, BatchRequest], Mapping[str, Preview]] = _no_dry_run
    verify: Callable[[Any, BatchPart], Mapping[str, Verification]] | None = None
    health: Callable[[Any], Iterable[Finding]] = _nothing
    title: Callable[[Ledger, str], str | None] = _no_title
    tidy: Callable[[Any], Mapping[str, int]] = field(default=lambda _: {})
    unconfigured: Callable[[Settings], str | None] = field(default=lambda _: None)

    def ask(self, ask: Ask) -> BatchRequest:
        """Makes the request of what was asked for, of any type. Raises UsageError."""
        if ask.type == VERIFY:
            return self.verify_request(ask)
        request = self.request(ask)
        # It only reads, so it works beside whoever holds the lane.
        return replace(request, dry_run=True, lane=None) if ask.dry_run else request

    def selected(self, ask: Ask, parts: Sequence[str]) -> BatchRequest:
        """Makes the request of parts that make up no type, as a person picks them in Dagster. Raises UsageError."""
        request = self.ask(ask)
        if request.options:
            raise UsageError(f"{', '.join(request.options)} goes with all parts of a type, not with a selection")
        return replace(request, type=SELECTION, options={"parts": list(parts)})

    def scheduled(self, schedule: SyncSchedule) -> BatchRequest:
        """Makes the request of what a schedule asks for, of any type. Raises UsageError."""
        if schedule.type == VERIFY:
            return self.verify_request(Ask(self.scope_name(schedule.scope), VERIFY))
        return self.recurring(schedule)

    def verify_request(self, ask: Ask) -> BatchRequest:
        """Makes the request to verify a scope; only one that repairs takes the scope's lane. Raises UsageError.

        Options: ``level`` (content, fast or deep), ``repair`` (whether what differs is delivered again), ``type`` (one
        of the pipeline's types: only what that covers).
        """
        if self.verify is None:
            raise UsageError(f"{self.name} has nothing to verify")
        options = {"level": Level.CONTENT.value, "repair": False, "type": self.types[0], **ask.options}
        if unknown := sorted(options.keys() - {"level", "repair", "type"}):
            raise UsageError(f"option {unknown[0]!r} is unknown: verify has level, repair and type")
        if options["level"] not in set(Level):
            raise UsageError(f"level {options['level']!r} is unknown: it is one of {', '.join(Level)}")
        if not isinstance(options["repair"], bool):
            raise UsageError(f"repair is true or false, not {options['repair']!r}")
        if ask.mode != Mode.FULL or ask.ids:
            raise UsageError("verify looks at everything of a type: it has no mode and no ids")
        if ask.dry_run:
            raise UsageError("verify writes nothing unless it repairs: it has no dry run")
        # The pipeline itself knows its types and its scopes.
        checked = self.request(Ask(ask.scope, options["type"]))
        return replace(
            checked,
            type=VERIFY,
            options=options,
            trigger=ask.trigger,
            delay=ask.delay,
            confirm_deletes=ask.confirm_deletes,
            max_attempts=ask.max_attempts,
            lane=LaneName.BULK if options["repair"] else None,
        )

    def verified(self, runtime: Any, part: BatchPart) -> Mapping[str, Verification]:
        """Does what a verify batch asks for, and records what was found; returns it by part. Raises as ``verify``."""
        if self.verify is None:
            raise UsageError(f"{self.name} has nothing to verify")
        found = self.verify(runtime, part)
        if not found:
            raise UsageError(f"batches of type {part.batch.options.get('type')} have nothing to compare")
        stats = {name: result.as_dict() for name, result in found.items()}
        names = ("read", "missing", "extra", "differing", "repaired")
        sums = {name: sum(one[name] for one in stats.values()) for name in names}
        in_step = all(result.in_step for result in found.values())
        part.record(VERIFY, {**sums, "in_step": in_step, "parts": stats})
        return found

    def scope(self, name: str) -> str:
        """Returns the scope of a name that a person gave: `abc` becomes `store:abc`, also when it was given so."""
        return name if name.startswith(f"{self.noun}:") else f"{self.noun}:{name}"

    def scope_name(self, scope: str) -> str:
        """Returns the scope without its noun, as people and partitions name it."""
        return scope.removeprefix(f"{self.noun}:")

    def label(self, ledger: Ledger, scope: str) -> str:
        """Returns the scope as people are shown it: its name with its title, `abc (Harbour & Pine)`."""
        title = self.title(ledger, scope)
        return f"{self.scope_name(scope)}{f' ({title})' if title else ''}"


def nouns_of(pipelines: Sequence[Pipeline]) -> dict[str, str]:
    """Returns the nouns of the pipelines' scopes, by pipeline."""
    return {pipeline.name: pipeline.noun for pipeline in pipelines}


def find_pipeline(pipelines: Sequence[Pipeline], name: str) -> Pipeline:
    """Returns the pipeline of that name. Raises UsageError that lists those there are."""
    for pipeline in pipelines:
        if pipeline.name == name:
            return pipeline
    raise UsageError(f"pipeline {name!r} is unknown: it is one of {', '.join(one.name for one in pipelines)}")
