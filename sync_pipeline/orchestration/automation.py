"""The automation that all pipelines share: what makes batches, what starts them, what closes them, what cleans up."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import dagster as dg

from sync_pipeline.batches.ledger import Ledger
from sync_pipeline.batches.maintenance import forget_old
from sync_pipeline.batches.models import SyncBatch
from sync_pipeline.batches.queue import due, reap
from sync_pipeline.batches.retries import retry_failed
from sync_pipeline.batches.schedules import describe_schedule, list_schedules, request_due
from sync_pipeline.core import Core
from sync_pipeline.errors import one_line
from sync_pipeline.orchestration.daemons import note_daemon
from sync_pipeline.orchestration.freshness import freshness_job
from sync_pipeline.orchestration.instance import delete_old_runs, keep_partitions, move_partitions
from sync_pipeline.orchestration.members import Member
from sync_pipeline.orchestration.reconciliation import Reconciliation
from sync_pipeline.orchestration.run_requests import requests_by_batch
from sync_pipeline.orchestration.runs import always_on, run_request
from sync_pipeline.orchestration.tags import MAX_RUNTIME_TAG, tags_of_own_runs

#: Ended runs go with their event logs after this; a day's share at a time, so that the first clean-up ends too.
RUNS_KEPT = timedelta(days=30)
RUNS_AT_ONCE = 5_000
SENSOR_SECONDS = 5
#: Seconds that the sensor waits for a row which somebody holds. It has a minute for all, and comes again.
LOCK_SECONDS = 0.5


def automation(members: Sequence[Member]) -> dg.Definitions:
    """Makes the sensors, schedules and jobs that serve every member."""
    maintenance = _maintenance(members)
    freshness = freshness_job(members)
    return dg.Definitions(
        jobs=[maintenance, freshness],
        schedules=[
            _due_batches(members),
            always_on("daily_maintenance", maintenance, "17 4 * * *"),
            always_on("hourly_freshness", freshness, "7 * * * *"),
        ],
        sensors=[_pending_batches(members)],
    )


def run_requests(
    context: dg.SensorEvaluationContext,
    ledger: Ledger,
    members: Sequence[Member],
    batches: Sequence[SyncBatch],
    known_scopes: Sequence[str] = (),
) -> dg.SensorResult:
    """Returns a run for each batch, and the partitions that its scope and the known ones lack."""
    by_name = {member.pipeline.name: member for member in members}
    made = requests_by_batch(context, ledger, batches, lambda one: _run_request(ledger, by_name[one.pipeline], one))
    additions = []
    for member in members:
        of_member = {batch.scope for batch, _ in made if batch.pipeline == member.pipeline.name}
        of_member |= {scope for scope in known_scopes if scope.startswith(f"{member.pipeline.noun}:")}
        wanted = {member.pipeline.scope_name(scope) for scope in of_member}
        missing = sorted(wanted - set(context.instance.get_dynamic_partitions(member.partition_set)))
        if missing:
            additions.append(member.brought.partitions.build_add_request(missing))
    return dg.SensorResult(
        run_requests=[request for _, request in made],
        dynamic_partitions_requests=additions,
    )


def _run_request(ledger: Ledger, member: Member, batch: SyncBatch) -> dg.RunRequest:
    pipeline = member.pipeline
    title = pipeline.title(ledger, batch.scope)
    return run_request(batch, member.job_of(batch), pipeline.scope_name(batch.scope), title)


def _pending_batches(members: Sequence[Member]) -> dg.SensorDefinition:
    names = [member.pipeline.name for member in members]
    jobs = [job for member in members for job in member.brought.jobs.values()]

    @dg.sensor(
        jobs=jobs,
        name="pending_batches",
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a run for every pending batch whose scope is free; retries, and closes what was lost.",
    )
    def pending_batches(
        context: dg.SensorEvaluationContext, core: dg.ResourceParam[Core]
    ) -> dg.SensorResult | dg.SkipReason:
        """Starts a run for every pending batch whose scope is free, and fails batches whose runs ended or went silent.

        What failed for a reason that may pass becomes pending again, after a while, once no earlier run of it is left.
        Every scope gets its partition here. The ledger is the queue: nothing is marked here, so a run that never starts
        loses nothing.
        """
        core = replace(core, ledger=replace(core.ledger, lock_timeout=LOCK_SECONDS))
        ledger = core.ledger
        context.update_cursor(note_daemon(context.instance, context.cursor))
        reconciliation = Reconciliation.of(context, ledger, names)
        for closed in reconciliation.close_batches():
            context.log.warning(
                "batch %s of %s was closed: %s", closed.id, closed.scope, (closed.error or {})["message"]
            )
        for lost in reap(ledger):
            context.log.warning("batch %s of %s was lost with its run", lost.id, lost.scope)
        for run_id in reconciliation.end_runs():
            context.log.warning("run %s was ended: its batch is over", run_id)
        for again in retry_failed(ledger, reconciliation.must_wait):
            context.log.info("batch %s of %s is tried again: attempt %s", again.id, again.scope, again.attempt)
        known = _known_scopes(context, core, members)
        pending = reconciliation.startable([*due(ledger, names), *due(ledger, names, lane=None)])
        requested = run_requests(context, ledger, members, pending, known)
        if not requested.run_requests and not requested.dynamic_partitions_requests:
            return dg.SkipReason("no batch is pending")
        return requested

    return pending_batches


def _known_scopes(context: dg.SensorEvaluationContext, core: Core, members: Sequence[Member]) -> list[str]:
    """Returns the scopes of all pipelines. One that cannot say its own is logged and stops no other."""
    known: list[str] = []
    for member in members:
        try:
            known += member.pipeline.scopes(core.ledger)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one pipeline, the others' batches start
            context.log.error("the scopes of %s cannot be told: %s", member.pipeline.name, one_line(error))
    return known


def _due_batches(members: Sequence[Member]) -> dg.ScheduleDefinition:
    recurring = {member.pipeline.name: member.pipeline.scheduled for member in members}

    @dg.op(description="Gives every schedule that is due its pending batch, once.")
    def request_due_batches(context: dg.OpExecutionContext, core: dg.ResourceParam[Core]) -> None:
        """Gives every schedule that is due its pending batch, as `due_batches` does each minute."""
        made = request_due(core.ledger, recurring, core.settings.sync_pipeline_retries)
        context.add_output_metadata({"batches": [batch.id for batch in made]})

    @dg.job(
        description="Gives every schedule that is due its pending batch, by hand; the schedule does so by itself.",
        tags={MAX_RUNTIME_TAG: "300"},
    )
    def due_batches_now() -> None:
        request_due_batches()

    @dg.schedule(
        cron_schedule="* * * * *",
        job=due_batches_now,
        name="due_batches",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Gives every scope's schedule that is due its pending batch, which `pending_batches` starts. The "
        "schedules are rows of the ledger: each tick says which is next, the check `fresh` and the metadata of each "
        "asset's partition name those of its scope, and `sync-pipeline schedules` lists and changes them.",
    )
    def due_batches(_: dg.ScheduleEvaluationContext, core: dg.ResourceParam[Core]) -> dg.SkipReason:
        """Gives every scope's schedule that is due its pending batch; `pending_batches` starts it.

        The schedules themselves are rows of the ledger: `sync-pipeline schedules` shows and changes them.
        """
        made = request_due(core.ledger, recurring, core.settings.sync_pipeline_retries)
        upcoming = [one for one in list_schedules(core.ledger) if one.active and one.paused_reason is None]
        following = min(upcoming, key=lambda one: one.next_run_at, default=None)
        said = [f"batch {batch.id}: {batch.type} ({batch.mode}) of {batch.scope}" for batch in made]
        next_one = "none" if following is None else f"{following.scope}: {describe_schedule(following)}"
        return dg.SkipReason(
            f"{len(made)} batches were due{''.join(f'; {line}' for line in said)}; "
            f"{len(upcoming)} schedules are active, the next one: {next_one}"
        )

    return due_batches


def _maintenance(members: Sequence[Member]) -> dg.JobDefinition:
    @dg.op(
        required_resource_keys={"core", *(member.pipeline.name for member in members)},
        description="Deletes old rows and runs, partitions of removed scopes, and what each pipeline calls over.",
    )
    def tidy_up(context: dg.OpExecutionContext) -> None:
        """Deletes old rows and runs, partitions of removed scopes, and what each pipeline calls old and over.

        One pipeline's trouble does not stop the others; the run fails at its end, naming it.
        """
        core: Core = context.resources.core
        instance, now = context.instance, core.ledger.clock.now()
        counts = dict(forget_old(core.ledger))
        own = tags_of_own_runs(context.run, [member.pipeline.name for member in members])
        counts["runs"] = sum(
            delete_old_runs(instance, tags, older_than=now - RUNS_KEPT, limit=RUNS_AT_ONCE) for tags in own
        )
        counts["partitions"] = 0
        failures = []
        for member in members:
            pipeline = member.pipeline
            try:
                wanted = [pipeline.scope_name(scope) for scope in pipeline.scopes(core.ledger)]
                if member.brought.former is not None:
                    move_partitions(instance, member.brought.former, member.partition_set, wanted)
                counts["partitions"] += len(keep_partitions(instance, member.partition_set, wanted))
                removed = pipeline.tidy(getattr(context.resources, pipeline.name))
            except Exception as error:  # noqa: BLE001 - as above
                failures.append(f"{pipeline.name}: {one_line(error)}")
            else:
                counts |= {name: counts.get(name, 0) + number for name, number in removed.items()}
        context.add_output_metadata(counts)
        if failures:
            raise dg.Failure("; ".join(failures), allow_retries=False)

    @dg.job(
        description="Removes what is old and over, from the ledger, Dagster's storage and the destinations.",
        tags={MAX_RUNTIME_TAG: "3600"},
    )
    def maintenance() -> None:
        tidy_up()

    return maintenance
