"""Counts the lines of completion records: by system, by recipient, and what is kept."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.report.facts import Backlog
from orchestrator.report.figures import RecipientRow, SystemRow
from schemas.completion import CompletionRecord, RecordSetLine
from schemas.outcomes import Anonymised, Attested, Deleted, Exported, Kept, Notified


class Lines:
    """Collects. ``kept``: by (request, place), by the last record that speaks of it."""

    def __init__(self, owners: Mapping[str, str], backlog: Mapping[str, Backlog], heard: Mapping[str, str]) -> None:
        """Begin with every system that is known, so that a silent one is seen (I12)."""
        self.systems = {name: SystemRow(name, owners.get(name, "")) for name in {*owners, *backlog, *heard}}
        for name, one in self.systems.items():
            one.last_answer = heard.get(name)
            if name in backlog:
                one.backlog, one.backlog_since = backlog[name].tasks, backlog[name].oldest
        self.recipients: dict[str, RecipientRow] = {}
        self.kept: dict[tuple[str, str], Kept] = {}
        self.by_hand_verified = self.by_hand_attested = 0

    def system(self, name: str) -> SystemRow:
        """Give the row of a system; one that nothing else names is not connected any more."""
        return self.systems.setdefault(name, SystemRow(name, ""))

    def add(self, record: CompletionRecord) -> int:
        """Count the lines of a record; of a request, records come in their order.

        Returns:
            How many data records it says are gone: erased, or anonymised.
        """
        gone = 0
        for one in record.systems:
            row = self.system(one.system)
            for line in one.record_sets:
                gone += _count(row, line)
                self._keep(record.request_id, f"{one.system}/{line.name}", line.outcome)
        for line in record.by_hand:
            attested = line.assurance == "attested"
            self.by_hand_attested += attested
            self.by_hand_verified += not attested
        for other in record.recipients:
            found = self.recipients.setdefault(other.recipient, RecipientRow(other.recipient, other.role))
            found.done += isinstance(other.outcome, Attested)
            found.keeps += isinstance(other.outcome, Kept)
            found.told += isinstance(other.outcome, Notified)
            found.not_told += other.outcome is None
            self._keep(record.request_id, f"recipient:{other.recipient}", other.outcome)
        return gone

    def _keep(self, request_id: str, place: str, outcome: object) -> None:
        if isinstance(outcome, Kept):
            self.kept[request_id, place] = outcome
        else:
            self.kept.pop((request_id, place), None)


def _count(row: SystemRow, line: RecordSetLine) -> int:
    """Count one line; gives how many data records are gone by it."""
    row.attested += line.assurance == "attested"
    row.verified += line.assurance != "attested"
    gone = 0
    for outcome in (line.outcome, *line.also):
        match outcome:
            case Deleted(before=count):
                row.erased += count
                gone += count
            case Anonymised(before=count):
                row.anonymised += count
                gone += count
            case Kept(count=count, erased=erased):
                row.kept += count
                row.erased += erased
                gone += erased
            case Exported(count=count):
                row.copied += count
            case _:
                pass
    return gone
