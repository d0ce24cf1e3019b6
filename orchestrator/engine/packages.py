"""Access packages: which to assemble, under which key, and which files are still needed."""

from __future__ import annotations

from orchestrator.core.copying import About, about
from orchestrator.core.effects import AssemblePackage
from orchestrator.core.events import PackageAssembled, ReviewFound
from orchestrator.engine.base import BATCH, again
from orchestrator.engine.batch import DEAD
from orchestrator.engine.causing import PACKAGE_SYSTEM
from orchestrator.engine.conflicts import COPIES
from orchestrator.engine.release import Release
from orchestrator.engine.stored import load_state, parts_of, read_state
from orchestrator.errors import UsageError
from schemas.codec import decode, encode


class Packages(Release):
    """Access packages."""

    def next_packages(self, limit: int = BATCH) -> list[tuple[str, AssemblePackage]]:
        """Give (request id, job) of packages to assemble."""
        now = self._clock.now()
        wanted = limit + len(self._holdback)
        with self.store.read() as tx:
            rows = tx.outbox_next(PACKAGE_SYSTEM, wanted)
        self._seen(PACKAGE_SYSTEM, len(rows), wanted)
        free = [row for row in rows if not self._holdback.holds(row.task_id, now)]
        return [(row.request_id, decode(row.body, AssemblePackage)) for row in free[:limit]]

    def package_key(self, request_id: str) -> bytes:
        """Give the key of a request's package, made durable before it is first used.

        Raises:
            UsageError: the package has expired: its key is destroyed.
        """
        return again(lambda: self._package_key(request_id))

    def _package_key(self, request_id: str) -> bytes:
        with self.store.write() as tx:
            # It is ours now: two processes would make a key each, and one be lost.
            for blob in tx.states([request_id]).values():
                read_state(request_id, blob)  # a newer version's capsule is not written by this one
            sealed = tx.capsules([request_id]).get(request_id)
            if sealed is None:
                raise UsageError(f"the package of request {request_id} has expired", fix="submit a new access request")
            capsule = self._box.open(request_id, sealed)
            if not capsule.package_key:
                capsule.package_key = self._chance(32)
                tx.save_capsules({request_id: self._box.seal(request_id, capsule)})
            return capsule.package_key

    def package_about(self, request_id: str) -> About:
        """Give what a person is told beside their copy, by the plan that their request goes by."""
        with self.store.read() as tx:
            state = load_state(tx, request_id)
            return about(self._plans.get(tx, state.plan_sha256), state)

    def package_review(self, request_id: str) -> tuple[dict[str, tuple[tuple[str, ...], bool]], frozenset[str]]:
        """Give the free text of a copy, and the person's identifiers, which are about nobody else.

        Returns:
            "system/record_set" -> (fields, whether somebody reads all of it); values as they are searched by.
        """
        with self.store.read() as tx:
            plan = self._plans.get(tx, load_state(tx, request_id).plan_sha256)
            sealed = tx.capsules([request_id]).get(request_id)
        watched = {
            f"{system.system}/{one.name}": (one.free_text, one.review == "always")
            for system in plan.systems
            for one in system.record_sets
            if one.free_text
        }
        own = self._box.open(request_id, sealed).identifiers.values() if watched and sealed else ()
        return watched, frozenset(value.lower() for _, value in own)

    def to_review(self, request_id: str, job_id: str, found: dict[str, int]) -> None:
        """Note that somebody has to decide about passages before a package is made."""
        again(lambda: self._to_review(request_id, job_id, found))

    def _to_review(self, request_id: str, job_id: str, found: dict[str, int]) -> None:
        with self._batch("tasks") as batch:
            batch.load([request_id])
            event = ReviewFound(request_id=request_id, observed_at=batch.now, job_id=job_id, found=found)
            known = batch.tx.known([("/package", job_id)])
            verdict = "" if known else batch.apply(event, "/package", job_id, encode(event))
            if verdict == DEAD:
                self._holdback.add(job_id, request_id, PACKAGE_SYSTEM, self._clock.now())

    def packaged(self, request_id: str, job_id: str, file: str, sha256: str) -> None:
        """Note that a package was written."""
        again(lambda: self._packaged(request_id, job_id, file, sha256))

    def _packaged(self, request_id: str, job_id: str, file: str, sha256: str) -> None:
        with self._batch("tasks") as batch:
            batch.load([request_id])
            event = PackageAssembled(
                request_id=request_id, observed_at=batch.now, job_id=job_id, file=file, sha256=sha256
            )
            known = batch.tx.known([("/package", job_id)])
            verdict = "" if known else batch.apply(event, "/package", job_id, encode(event))
            if verdict == DEAD:
                self._holdback.add(job_id, request_id, PACKAGE_SYSTEM, self._clock.now())

    def not_packaged(self, request_id: str, job_id: str) -> None:
        """Note that a package cannot be assembled: a part is missing or was altered. Everybody else's goes on."""
        self._holdback.add(job_id, request_id, PACKAGE_SYSTEM, self._clock.now())
        with self._batch("tasks") as batch:
            batch.load([request_id])
            batch.incident(request_id, "package_parts_lost", job_id)

    def packages_alive(self) -> set[str]:
        """Give the names of the packages that may still be fetched; any other in the exports folder is swept."""
        with self.store.read() as tx:
            return tx.packages()

    def parts_in_use(self) -> set[str]:
        """Give the names of exported parts that are still to be packaged; reads every open access request."""
        with self.store.read() as tx:
            rows = [row for right in sorted(COPIES) for row in tx.open_states(right.value)]
        return {name for row in rows for name in parts_of(*row)}
