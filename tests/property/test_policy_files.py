"""Whatever stands in a policy file: it is read, or refused with a place and a fix, and never breaks the linter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.policy import read
from orchestrator.policy.errors import PolicyError
from orchestrator.policy.lint import lint
from tests.support.policies import ODIGO, SMALL, TODAY

BASES = (SMALL.splitlines(), ODIGO.read_text(encoding="utf-8").splitlines())
JUNK = (
    "x = 1",
    "[x]", "[[activity]]", "[policy]", "[[policy]]", "[[recipient.transfer]]", "[recipient.transfer]", "id = 3",
    'activities = "a"', 'activities = [["a"]]', 'transfer = "x"', "transfer = [1]", "version = 3", "months = 1e3",
    "months = true", "months = 99999999999999999999", "published_on = 2022-03-31T00:00:00", 'country = ["FR"]',
    'calendar = "  "', 'quote = """', "[[domain]]", 'held_in = ["/"]', "first = true", "undecided = true", "",
)  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> str:
    """A good file of which up to three lines are gone, others, moved or added."""
    lines = list(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        new = draw(st.sampled_from(JUNK) | st.sampled_from(lines) | st.text(max_size=20))
        lines[at : at + draw(st.integers(0, 1))] = draw(st.sampled_from(([new], [])))
    return "\n".join(lines)


def _refused(text: str) -> PolicyError | None:
    try:
        read(text, "policy.toml")
    except PolicyError as error:
        return error
    return None


@given(text=files())
def test_a_file_is_read_or_refused(text: str) -> None:
    refused = _refused(text)
    if refused is not None:
        assert refused.what
        assert refused.where.startswith("policy.toml")
        assert refused.fix
        return
    for one in lint(read(text, "policy.toml"), TODAY):
        assert 1 <= one.line <= len(text.splitlines())
        assert one.said[0].line == one.line
