"""Replaying a dead letter: its record is read again and delivered by a batch of its own."""

from __future__ import annotations

from dataclasses import replace as changed
from typing import TYPE_CHECKING

from sync_pipeline.delivery.dead_letters import REPLAY_OF, DeadLetterError, LetterState, get_letter

if TYPE_CHECKING:
    from sync_pipeline.batches.ledger import Ledger
    from sync_pipeline.batches.requests import BatchRequest
    from sync_pipeline.pipeline import Pipeline


def replay(ledger: Ledger, pipeline: Pipeline, letter_id: int) -> BatchRequest:
    """Makes the request that delivers an open letter's record again; its success ends the letter as ``replayed``.

    Raises DeadLetterError when there is no such letter or it is not open, UsageError when its key names no record.
    """
    letter = get_letter(ledger, letter_id)
    if letter.state != LetterState.OPEN:
        raise DeadLetterError(f"dead letter {letter_id} is {letter.state}, not open")
    request = pipeline.replay(letter.scope, letter.key)
    return changed(request, options={**request.options, REPLAY_OF: letter_id})
