"""Commands about evidence: ``expunge bundle``, ``expunge ledger checkpoint|key|prove|export|cosign|stamp|check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.app_receipts import Receipts
from orchestrator.cli.options import Home, Id, Out, desk

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The log of all evidence: see `expunge verify` too."
)

File = Annotated[Path | None, typer.Option("-O", metavar="FILE", help="Write to a new file.")]


@app.command()
def checkpoint(ctx: typer.Context, file: File = None, home: Home = None, output: Out = None) -> int:
    """Write the newest checkpoint (C2SP tlog-checkpoint); keep it, and the ledger can be held against it later."""
    from orchestrator.cli import ledgering

    return ledgering.checkpoint(desk(ctx, home, output), file)


@app.command()
def key(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Write the public keys of the ledger, a line each, as `expunge verify --ledger-key` takes them."""
    from orchestrator.cli import ledgering

    return ledgering.key(desk(ctx, home, output))


@app.command(short_help="Write the proofs of one request.")
def prove(
    ctx: typer.Context,
    request_id: Id,
    folder: Annotated[Path, typer.Option("-O", metavar="DIR", help="New folder for documents and proofs.")],
    home: Home = None,
    output: Out = None,
) -> int:
    """Write what there is of a request, each document with its proof (C2SP tlog-proof) in the newest checkpoint."""
    from orchestrator.cli import ledgering

    return ledgering.prove(desk(ctx, home, output), request_id, folder)


@app.command(short_help="Write a bundle that can be checked without us.")
def export(
    ctx: typer.Context,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="New folder, or new file that ends with .zip.")],
    request: Annotated[
        list[str] | None, typer.Option("--request", metavar="ID", help="Only these requests; may stand twice.")
    ] = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Write the whole ledger, or some requests, as a bundle for `expunge verify`."""
    from orchestrator.cli import ledgering

    return ledgering.export(desk(ctx, home, output), target, request or [])


@app.command(short_help="Take in what a witness signed beside us.")
def cosign(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The checkpoint as the witness gave it back.")],
    witness: Annotated[str, typer.Option(metavar="KEY", help="The witness's key: a line of text (vkey).")],
    home: Home = None,
    output: Out = None,
) -> int:
    """Check a witness's cosignature of a checkpoint of ours (C2SP tlog-cosignature), and keep it there."""
    from orchestrator.cli import ledgering

    return ledgering.cosign(desk(ctx, home, output), file, witness)


@app.command(short_help="Ask for a time stamp of a checkpoint, or take one in.")
def stamp(
    ctx: typer.Context,
    request: Annotated[
        Path | None, typer.Option("--request", metavar="FILE", help="Write the request (RFC 3161) to a new file.")
    ] = None,
    response: Annotated[
        Path | None, typer.Option("--response", metavar="FILE", help="Take in what the authority answered.")
    ] = None,
    tsa_root: Annotated[
        list[Path] | None,
        typer.Option("--tsa-root", metavar="FILE", help="Root certificate of the authority (PEM), for --response."),
    ] = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Have the newest checkpoint stamped by a time-stamp authority: the request goes out as a file, and so it comes in.

    E.g. curl -H 'Content-Type: application/timestamp-query' --data-binary @request.tsq URL -o response.tsr
    """
    from orchestrator.cli import stamping

    if request is not None and response is None and not tsa_root:
        return stamping.request(desk(ctx, home, output), request)
    if response is not None and request is None and tsa_root:
        return stamping.response(desk(ctx, home, output), response, tsa_root)
    raise typer.BadParameter("give --request FILE, or --response FILE with --tsa-root FILE")


@app.command()
def check(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Hold the ledger against itself and its anchors, leaf by leaf; exit code 4 if something does not fit."""
    from orchestrator.cli import ledgering

    return ledgering.check(desk(ctx, home, output))


def bundle(
    ctx: typer.Context,
    target: Annotated[Path, typer.Option("-O", metavar="FILE", help="New file that ends with .zip, or new folder.")],
    request_id: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of requests.", show_default=False)
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Instead: all received on this day (UTC) or later.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Received on this day or before.")] = None,
    receipts: Receipts = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Write everything an authority needs of some requests, of a person or a period: evidence, timeline, policy, law.

    `expunge verify` checks it, and so do public tools (its README.txt). It says nothing of who the persons are.
    """
    from orchestrator.cli import authority

    if sum((bool(request_id), first is not None or last is not None, receipts is not None)) != 1:
        raise typer.BadParameter("give ids of requests, or a period with --from and --to, or --receipt -")
    return authority.bundle(desk(ctx, home, output), request_id or [], target, first, last, receipts)


def disclose(
    ctx: typer.Context,
    request_id: Id,
    line: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LINE]...", help="E.g. crm/invoices; none: say which there are.", show_default=False),
    ] = None,
    number: Annotated[int | None, typer.Option(help="Which record; default: the newest.", show_default=False)] = None,
    file: File = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Write some lines of a completion record, which `expunge verify` checks while the others stay hidden."""
    from orchestrator.cli import disclosing

    return disclosing.disclose(desk(ctx, home, output), request_id, line or [], number, file)


def register(root: typer.Typer) -> None:
    """Add the group of commands."""
    root.command(short_help="Write what an authority needs of a request or a period.")(bundle)
    root.command(short_help="Write some lines of a record; the others stay hidden.")(disclose)
    root.add_typer(app, name="ledger")
