"""The pure core: ``step(plan, state, event) -> (state, effects)``. No I/O, no clock, no chance (decision 1).

Identifiers appear here as references only: a keyed digest under a secret of the request. The values are in the
store's vault; when the secret is destroyed, the references in journal and state are noise (decision 9).

Read in this order: ``model`` (what is known of a request), ``events`` (what can happen), ``transitions`` (where
it may go), ``machine`` (the one function), then what it calls: ``discovery``, ``deciding``, ``aggregate``,
``completion``; ``answers`` with ``fitting`` (what an answer is worth), ``closing`` and ``mending``.
"""
