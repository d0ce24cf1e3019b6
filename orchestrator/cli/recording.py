"""``expunge policy record``: the record of processing activities (GDPR Art. 30), with its gaps."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from orchestrator.cli.desk import Desk
from orchestrator.cli.reporting import Form, as_json, form_of, hand_over, on_paper
from orchestrator.errors import UsageError
from orchestrator.report import processing, processing_paper, writing
from orchestrator.report.processing import Gap, ProcessingRecord
from orchestrator.report.processing_gaps import gaps
from orchestrator.runtime import mapping, placing, policies
from orchestrator.runtime.clock import SystemClock
from schemas.requests import utc


def record(desk: Desk, policy: Path | None, on: dt.datetime | None, form: str | None, file: Path | None) -> int:
    """Write the record as of a day. 1 if it has gaps: they are listed in it, each with file and line.

    With a policy file that is named only that is looked at, and no data map.

    Raises:
        UsageError: the policy file or a data map is wrong, or there is none; the file exists; no PDF can be made here.
    """
    chosen = form_of(desk, form, file)
    now = SystemClock().now()
    found = _alone(policy, (on or now).date()) if policy is not None else _here(desk, (on or now).date())
    paper = processing_paper.document(found)
    match chosen:
        case Form.CSV:
            raw = writing.csv_table(processing_paper.COLUMNS, processing_paper.rows(found)).encode()
        case Form.JSON:
            raw = as_json(found)
        case _:
            raw = on_paper(paper, chosen, utc(now))
    hand_over(desk, raw, file, paper)
    return int(bool(found.gaps))


def _alone(policy: Path, day: dt.date) -> ProcessingRecord:
    register = policies.load(policy)
    return processing.compute(register, [], day, gaps(register, [], [], day))


def _here(desk: Desk, day: dt.date) -> ProcessingRecord:
    settings = desk.settings()
    register = policies.of(settings)
    if register is None:
        fix = 'name a file, or write file = "policies/acme.toml" under [policy]'
        raise UsageError("no policy file is configured here", where=str(settings.file), fix=fix)
    sets, without = mapping.record_sets(settings, register)
    systems = [one.system for one in settings.systems]
    abroad = [
        Gap("held-abroad", "30(1)(e)", one.problem, one.where, f"decide: {one.ask}")
        for one in placing.uncovered(settings, register, day)
    ]
    return processing.compute(register, sets, day, [*without, *gaps(register, sets, systems, day), *abroad])
