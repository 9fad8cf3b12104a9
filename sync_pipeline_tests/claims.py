"""What the project guarantees, claim by claim: the vocabulary of the marks, of the mutations and of docs/guarantees.md.

A test that tries to break a claim is marked `@pytest.mark.invariant("4.3")`, with as many claims as it proves;
`@pytest.mark.invariant(4)` is for one that proves the invariant as a whole. What belongs here: the claims. What does
not: which tests there are (read from their marks) and what was taken out to see them fail (mutations/).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """One sentence that tests can break. ``waits_for`` names what must be built before it means anything."""

    text: str
    waits_for: str = ""


@dataclass(frozen=True)
class Invariant:
    """A numbered promise and the claims that it consists of, by id."""

    title: str
    claims: dict[str, Claim]


INVARIANTS: dict[str, Invariant] = {
    "1": Invariant(
        "Nothing is lost",
        {
            "1.1": Claim("An event is stored before it is acknowledged."),
            "1.2": Claim("A batch is claimed by its run in one step: of many that want it, one gets it."),
            "1.3": Claim("Nothing counts as done before the destination acknowledged it."),
            "1.4": Claim("What a dead run had claimed is closed as lost, and can be taken again."),
            "1.5": Claim("After kill -9 anywhere and a restart, the work ends in the right state."),
            "1.6": Claim("A batch and its run end together, whatever ends either; *Terminate* cancels in every state."),
            "1.7": Claim("A batch gets no second run while an earlier one may still work."),
        },
    ),
    "2": Invariant(
        "Nothing stale wins",
        {
            "2.1": Claim("A write may be repeated: one that was applied but not acknowledged is applied again."),
            "2.2": Claim(
                "Every write carries its version, and an older one never replaces a newer one (in a destination that "
                "keeps no versions: none of the same batch)."
            ),
            "2.3": Claim("An older write is counted as stale, not as written."),
            "2.4": Claim("Versions only grow, and each is drawn before the request that reads the record."),
            "2.5": Claim("Events carry no state: the current record is fetched."),
            "2.6": Claim("Deleted keys are kept as tombstones for 30 days."),
            "2.7": Claim("Every chunk is compared with the tombstones before it is written."),
            "2.8": Claim("Deletes are applied again to an index that was built or copied, before its swap and after."),
            "2.9": Claim("However edits and batches follow each other, the index ends as the store is."),
            "2.10": Claim(
                "Versions never go back: a ledger that was restored from a backup draws larger ones than the "
                "destination has, by itself."
            ),
            "2.11": Claim(
                "What another ledger made is neither written nor copied from, until a person has it taken over."
            ),
        },
    ),
    "3": Invariant(
        "The books balance",
        {
            "3.1": Claim("Every record that was read or found absent ends as exactly one outcome."),
            "3.2": Claim("A key that only the destination has is counted as absent, not as read."),
            "3.3": Claim(
                "A record of several documents counts once, with its worst outcome.",
                waits_for="a pipeline that has such records",
            ),
            "3.4": Claim("Events received are done, coalesced or dead."),
            "3.5": Claim("A batch whose books do not balance is failed."),
            "3.6": Claim("Nothing is green because an error was only logged: it fails its part, batch and run."),
        },
    ),
    "4": Invariant(
        "A failed read is not an empty source",
        {
            "4.1": Claim("A listing that is cut, short of what it announced, or unreadable is an error."),
            "4.2": Claim("A listing that lost more records while it was read than people delete is not believed."),
            "4.3": Claim("Deleting more than 15 % and more than 20 records stops before anything is deleted."),
            "4.4": Claim("The guard lets pass what a person confirmed, and only then."),
            "4.5": Claim("A store that answers 401, 403 or 503 loses nothing."),
            "4.6": Claim("An index that cannot be read whole is an error: what is missing is not taken for absent."),
        },
    ),
    "5": Invariant(
        "Search is never down and never half built",
        {
            "5.1": Claim("A full rebuild fills a new index while the old one answers."),
            "5.2": Claim("The swap is one call: every search sees one whole index."),
            "5.3": Claim("An index that does not hold what was written into it is not published."),
            "5.4": Claim("A build that fails or is killed leaves the aliases as they were."),
            "5.5": Claim("An index that is gone, or that a stray write made, is never put behind an alias."),
        },
    ),
    "6": Invariant(
        "One bad record, store or scope does not stop the others",
        {
            "6.1": Claim("A rejected chunk is halved until the bad record stands alone: log2 extra requests at most."),
            "6.2": Claim("408, 429, 5xx, cut connections and time-outs are tried again, with growing pauses."),
            "6.3": Claim("The service's own waiting time is kept."),
            "6.4": Claim("Such failures never count against a record."),
            "6.5": Claim("A record that is refused for what it is goes to the dead letters at once."),
            "6.6": Claim("A bad record, a failing import, store or scope leaves the others their results."),
            "6.7": Claim("An error budget ends a hopeless run."),
        },
    ),
    "7": Invariant(
        "Secrets stay secret",
        {
            "7.1": Claim("Secrets are stored encrypted with AES-256-GCM and open only for the row they belong to."),
            "7.2": Claim("The id of the key is stored with the secret: old keys open, a missing one is named."),
            "7.3": Claim("Keys rotate: everything is sealed again with the new key, and the old one can go."),
            "7.4": Claim("Secrets are decrypted in memory only: no file holds a plain one."),
            "7.5": Claim("No log line holds a secret."),
            "7.6": Claim("Dagster's event log, run config and tags hold no secret."),
            "7.7": Claim("No error and no command's answer holds a secret."),
            "7.8": Claim("No answer and no log line of the API holds a secret."),
            "7.9": Claim("The state directory is 0700."),
            "7.10": Claim("Files in the state directory are 0600."),
        },
    ),
    "8": Invariant(
        "Stale holders are fenced",
        {
            "8.1": Claim("A lane has one holder at most, until it is released or its lease has expired."),
            "8.2": Claim("A lane's token only grows, over releases and take-overs."),
            "8.3": Claim("The fence is checked before every write, and before an index is published or removed."),
            "8.4": Claim("The fence is checked before an acknowledgement is counted or figures are recorded."),
            "8.5": Claim("A refusal is told aloud: counted with its lane, logged, and the end of its batch."),
            "8.6": Claim("The events lane is fenced as the bulk lane is."),
        },
    ),
}

#: Every claim by its id.
CLAIMS: dict[str, Claim] = {
    number: claim for invariant in INVARIANTS.values() for number, claim in invariant.claims.items()
}
