"""Synonyms sets: rules that searches follow at once, without a reindex.

What belongs here: reading and replacing a set, and the syntax of a rule (Solr format). What does not: where rules come
from, who edits them, and which of them make sense in a store.

A rule is applied once to the words of a query, never to what another rule made of them. So rules that go round in a
circle do no harm: ``a => b`` and ``b => a`` exchange the two, ``a, b`` and ``b, c`` do not make ``a`` find ``c``. Rules
with the same left side add up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import xxhash

from sync_pipeline.connectors.elasticsearch.failures import SearchClusterError
from sync_pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync_pipeline.connectors.elasticsearch.cluster import SearchCluster

#: The most rules of a set that every supported server takes: Elasticsearch up to 9.4 refuses more (its
#: SynonymsManagementAPIService.MAX_SYNONYMS_SETS); newer ones have a setting, ``synonyms.max_synonym_rules``.
MAX_RULES = 10_000

_PAGE = 1000


class SynonymRuleError(UsageError):
    """A rule is not written as ``phone, mobile`` or ``tv => television``."""

    kind = "synonym_rule"


def rule_sides(rule: str) -> list[list[str]]:
    """Returns the terms of each side of a rule, as written: one side for ``phone, mobile``, two for ``tv =>
    television``.

    A comma behind a backslash belongs to its term, as in Lucene's SolrSynonymParser.
    """
    return [_terms(side) for side in rule.split("=>")]


def rule_problem(rule: str) -> str | None:
    """Returns what is wrong with a rule, or None.

    Stricter than the servers, which disagree: one refuses ``a =>`` or an escaped arrow, another drops it silently, and
    with a term without any letter or digit every search fails on a third.
    """
    if len(rule.splitlines()) > 1 or rule.lstrip().startswith("#"):
        return "must be one line and no comment"
    if "\\=>" in rule:
        return "has a backslash before =>"
    sides = rule_sides(rule)
    if len(sides) > 2:
        return "has more than one =>"
    if not all(any(letter.isalnum() for letter in term) for side in sides for term in side):
        return "has a term without a letter or digit"
    if len(sides) == 1 and len(sides[0]) < 2:
        return "needs two terms, as in: phone, mobile"
    return None


def _terms(side: str) -> list[str]:
    if "\\" not in side:
        return [term.strip() for term in side.split(",")]
    terms, escaped = [""], False
    for character in side:
        if character == "," and not escaped:
            terms.append("")
            continue
        terms[-1] += character
        escaped = character == "\\" and not escaped
    return [term.strip() for term in terms]


class SynonymsSet:
    """One named set of rules. All methods raise as ``SearchCluster.errors``."""

    def __init__(self, cluster: SearchCluster, set_id: str) -> None:
        self.cluster = cluster
        self.set_id = set_id

    async def put(self, rules: Sequence[str]) -> None:
        """Replaces the set and has every index that uses it reload; makes the set if there is none.

        A rule's id is the hash of its text. Raises SynonymRuleError, with nothing changed, when a rule is malformed or
        there are more than MAX_RULES.
        """
        distinct = dict.fromkeys(rules)
        if len(distinct) > MAX_RULES:
            raise SynonymRuleError(f"synonyms {self.set_id}: {len(distinct)} rules are more than a set's {MAX_RULES}")
        for rule in distinct:
            if problem := rule_problem(rule):
                raise SynonymRuleError(f"synonyms {self.set_id}: the rule {rule!r} {problem}")
        body = [{"id": xxhash.xxh3_64_hexdigest(rule.encode()), "synonyms": rule} for rule in distinct]
        with self.cluster.errors(f"writing synonyms {self.set_id}"):
            answer = (await self.cluster.repeatable.synonyms.put_synonym(id=self.set_id, synonyms_set=body)).body
            failed = answer["reload_analyzers_details"]["_shards"]["failed"]
        if failed:
            raise SearchClusterError(f"writing synonyms {self.set_id}: {failed} shards still search with the old ones")

    async def get(self) -> Sequence[str] | None:
        """Returns the rules, in no meaningful order, or None when there is no such set."""
        rules: list[str] = []
        with self.cluster.errors(f"reading synonyms {self.set_id}"):
            while True:
                answer = await self.cluster.reads.options(ignore_status=404).synonyms.get_synonym(
                    id=self.set_id, size=_PAGE, from_=len(rules)
                )
                if answer.meta.status == 404:
                    return None
                rules += [rule["synonyms"] for rule in answer["synonyms_set"]]
                # Not until a page is short: a request beyond the first MAX_RULES is refused.
                if len(rules) >= answer["count"] or not answer["synonyms_set"]:
                    return rules

    async def exists(self) -> bool:
        """Returns whether there is such a set, be it empty."""
        with self.cluster.errors(f"looking for synonyms {self.set_id}"):
            reads = self.cluster.reads.options(ignore_status=404)
            return (await reads.synonyms.get_synonym(id=self.set_id, size=0)).meta.status != 404

    async def delete(self) -> None:
        """Removes the set; one that is gone is fine. Raises SearchClusterError while an index still uses it."""
        with self.cluster.errors(f"deleting synonyms {self.set_id}"):
            await self.cluster.repeatable.options(ignore_status=404).synonyms.delete_synonym(id=self.set_id)
