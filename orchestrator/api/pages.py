"""The pages of a link: static HTML, no script, nothing from outside; in the language that the browser asks for."""

from __future__ import annotations

import base64
import hashlib
import tomllib
from importlib import resources
from typing import Final

import jinja2

from orchestrator.engine.handing import Looked

SENTENCES: Final[dict[str, dict[str, str]]] = tomllib.loads(
    resources.files("orchestrator.api").joinpath("sentences.toml").read_text(encoding="utf-8")
)
_STYLE: Final = """
body{font:1.1rem/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;margin:0}
main{max-width:34rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.5rem;line-height:1.25}
label{font-weight:600;display:block}
#hint{margin:0 0 .5rem;color:#444}
input{font:inherit;font-size:1.5rem;letter-spacing:.2em;width:11ch;max-width:100%}
input{padding:.4rem;border:2px solid #444;border-radius:4px}
button{font:inherit;font-weight:600;display:block;margin:1rem 0;padding:.7rem 1.2rem}
button{color:#fff;background:#0b4f8a;border:0;border-radius:4px}
input:focus,button:focus{outline:3px solid #f2a900;outline-offset:2px}
.said{border-left:4px solid #a40000;padding:.5rem .8rem;background:#fdf1f1}
"""
_PAGES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("orchestrator.api"), autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
)
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
"""Of every answer. The link is a secret: it stays out of caches, of what other sites are told, and of frames."""


def language(accepted: str) -> str:
    """Give the language that a browser asks for most (RFC 9110, 12.5.4), of those that we have; English otherwise."""
    best, most = "en", 0.0
    for one in accepted[:500].lower().split(","):
        name, _, weight = one.strip().partition(";q=")
        try:
            wanted = float(weight) if weight else 1.0
        except ValueError:
            continue
        if (short := name.partition("-")[0]) in SENTENCES and wanted > most:
            best, most = short, wanted
    return best


def page(looked: Looked, chosen: str) -> bytes:
    """Give the page of a link as it stands."""
    text = SENTENCES[chosen]
    form = looked.verdict not in ("ended", "unknown")
    title = text["title"] if form else text[f"{looked.verdict}_title"]
    said = text.get(looked.verdict, "").format(tries=looked.tries)
    until = text["until_one" if looked.left == 1 else "until"].format(
        until=_minute(looked.expires_at), left=looked.left
    )
    return _render(chosen, title, said, until, form=form)


def asked(looked: Looked, chosen: str) -> bytes:
    """Give the page before anything was typed: it does not say that a code is missing."""
    text = SENTENCES[chosen]
    if looked.verdict != "no_code":
        return page(looked, chosen)
    until = text["until_one" if looked.left == 1 else "until"].format(
        until=_minute(looked.expires_at), left=looked.left
    )
    return _render(chosen, text["title"], "", until, form=True)


def away(chosen: str) -> bytes:
    """Give the page for when the store or the package cannot be reached."""
    text = SENTENCES[chosen]
    return _render(chosen, text["away_title"], text["away"], "", form=False)


def _render(chosen: str, title: str, said: str, until: str, *, form: bool) -> bytes:
    template = _PAGES.get_template("link.html")
    made = template.render(
        language=chosen, title=title, said=said, until=until, form=form, text=SENTENCES[chosen], style=_STYLE
    )
    return made.encode()


def _minute(moment: str) -> str:
    return f"{moment[:10]} {moment[11:16]}"
