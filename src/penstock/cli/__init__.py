"""The command line: one file per verb, loaded when it is asked for. It writes orders and looks; it executes nothing."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from penstock.errors import ManifestError, PenstockError

CLOSED_PIPE = 141  # as the shell says of a program that SIGPIPE ended

# verb: (what it does, in one line; the group it is listed under)
VERBS: dict[str, tuple[str, str]] = {
    "demo": ("Release a small shop three times under load, and watch the third be rolled back.", "Begin"),
    "init": ("Look at this repository, and write the first manifest.", "Begin"),
    "check": ("Say everything that is wrong with the manifest, and run the checks here.", "Begin"),
    "fmt": ("Write the manifest the one way; comments and meaning stay.", "Begin"),
    "explain": ("The sections of the manifest, the targets and the checks, annotated.", "Begin"),
    "schema": ("The manifest's JSON Schema, for editors.", "Begin"),
    "completion": ("What a shell needs to complete commands and names.", "Begin"),
    "doctor": ("What is missing on this machine, and how to mend it.", "Begin"),
    "plan": ("What a release would do, and why. Changes nothing.", "Release"),
    "simulate": ("Try the verdict's policy on paper, at the traffic there is.", "Release"),
    "release": ("Take a revision to an environment.", "Release"),
    "preview": ("Release a branch to an environment of its own; list and remove those.", "Release"),
    "rollback": ("Make a kept revision serve again.", "Release"),
    "restart": ("Place what serves anew, without a moment of absence.", "Release"),
    "drill": ("Rehearse the rollback, under real traffic.", "Release"),
    "calibrate": ("Hold what serves against itself, and learn which margins hold.", "Release"),
    "abort": ("Stop the release that runs; what ran before serves again.", "Orders"),
    "hold": ("Keep the release that runs where it is.", "Orders"),
    "promote": ("Let the release that runs go on to 100 %.", "Orders"),
    "approve": ("Say yes to a release that asks for approval.", "People and time"),
    "reject": ("Say no to a release that asks.", "People and time"),
    "confirm": ("Tick a line of the checklist that only a person can tick.", "People and time"),
    "freeze": ("Let nothing be released.", "People and time"),
    "thaw": ("End a freeze.", "People and time"),
    "stop-the-line": ("Freeze everything, and abort everything.", "People and time"),
    "status": ("What runs where, since when, and what is under way.", "Look"),
    "watch": ("Follow a release, live.", "Look"),
    "checklist": ("Every box on the way to an environment, ticked by the last release.", "Look"),
    "report": ("The report of a release: a page with charts, Markdown, or data.", "Look"),
    "compare": ("Two releases side by side.", "Look"),
    "replay": ("Past releases, judged by another policy.", "Look"),
    "note": ("Add to a release what only people know.", "Look"),
    "due": ("What people still have to do after releases; tick it.", "Look"),
    "events": ("What happened in a release, a line an event.", "Look"),
    "show": ("All that is known of a release.", "Look"),
    "history": ("Releases of this service, newest first.", "Look"),
    "logs": ("What the instances of an environment wrote.", "Look"),
    "audit": ("The log that proves what happened: export it, verify it, pack its evidence.", "Look"),
    "up": ("Bring local environments up again, after a reboot for instance.", "Machine"),
    "down": ("Stop everything of a local environment.", "Machine"),
    "keep": ("Run the keeper of a local environment (started on demand).", "Machine"),
    "work": ("Run releases until none is left (started on demand).", "Machine"),
}


class Verbs(click.Group):
    """Loads a verb's file only when the verb is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"penstock.cli.{cmd_name.replace('-', '_')}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """A reader that has left (`| head -1`) is no bug; click would make 1 of it, which says that it is one."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(CLOSED_PIPE) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs by what one wants to do; their one-line texts need no import."""
        for group in dict.fromkeys(group for _, group in VERBS.values()):
            with formatter.section(group):
                formatter.write_dl([(verb, text) for verb, (text, where) in VERBS.items() if where == group])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, 1)
            if near:
                raise click.UsageError(f"{error.message} Did you mean `{near[0]}`?", ctx) from error
            raise


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="penstock", message="penstock %(version)s")
def root() -> None:
    """From commit to report: one file, one command.

    Penstock takes a revision of a service to an environment, gradually, judges it by statistics that may be looked at
    at any time, and puts everything back by itself when the evidence says so. `penstock demo` shows it.

    Exit codes: 0 released · 1 a bug of Penstock · 2 usage or manifest · 3 blocked or aborted · 4 rolled back ·
    5 needs a person · 6 not over. A release that is aborted after traffic moved went back: 4.
    """


def main() -> None:
    """The program's entrance: errors are said, never shown as a traceback."""
    try:
        sys.exit(root(prog_name="penstock", standalone_mode=False) or 0)  # click returns the code of an Exit
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except ManifestError as error:
        from penstock.manifest import render_problems

        click.echo(render_problems(error), err=True)
        sys.exit(error.exit_code)
    except PenstockError as error:
        click.echo(f"penstock: {error}", err=True)
        sys.exit(error.exit_code)
