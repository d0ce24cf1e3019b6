"""What a person is told where something was refused: what, why, and where to complain (Art. 12(4), 77, 79; S46)."""

from __future__ import annotations

from orchestrator.core.model import Result
from orchestrator.core.plan import Plan
from orchestrator.core.work import Work
from schemas.completion import CompletionRecord
from schemas.outcomes import Kept, KeptWhy


def tell(work: Work, record: CompletionRecord, to: str) -> None:
    """Tell the person what was not done, on which text, and who hears a complaint."""
    if record.result == Result.REFUSED:
        work.notice("refused", to, record=record.record_id, ground=record.ground or "", **remedies(work.plan))
        return
    kept = {
        f"{system.system}/{line.name}": line.outcome
        for system in record.systems
        for line in system.record_sets
        if isinstance(line.outcome, Kept) and line.outcome.why is not KeptWhy.LIVE_FILE
    }
    if kept:
        work.notice(
            "partly_refused",
            to,
            record=record.record_id,
            record_sets=",".join(sorted(kept)),
            why=",".join(sorted({one.why.value for one in kept.values()})),
            texts=",".join(sorted({one.text for one in kept.values()})),
            **remedies(work.plan),
        )


def remedies(plan: Plan) -> dict[str, str]:
    """Give where one may complain, as far as the policy says it: the authorities, and the courts."""
    authorities = dict.fromkeys(one.authority for one in plan.controllers_info if one.authority)
    courts = dict.fromkeys(one.court for one in plan.controllers_info if one.court)
    found = {"authority": "; ".join(authorities), "court": "; ".join(courts)}
    return {"text": "gdpr-12-4"} | {name: one for name, one in found.items() if one}
