"""House 0: what travels between programs. Types and bytes only, no I/O.

Everything that crosses a process boundary is defined here: the request, the task, the confirmation with its
outcomes, the completion record, the CloudEvents envelope around them, and how they are sealed. The other two
houses import this one; it imports neither of them.
"""
