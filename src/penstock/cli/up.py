"""`penstock up`: local environments, after a reboot for instance."""

from __future__ import annotations

import click

from penstock import api


@click.command("up")
@click.option("--at-boot", is_flag=True, help="Write a systemd unit that does this at every boot.")
@click.option("--print", "only_print", is_flag=True, help="With --at-boot: print the unit, write nothing.")
def command(at_boot: bool, only_print: bool) -> None:
    """Start the keeper of every local environment that should run, and the worker if a release is not over.

    After a reboot an unfinished canary starts at its way back: nobody watched it meanwhile.
    """
    from penstock import boot

    desk = api.open_desk()
    if only_print:
        click.echo(boot.unit(desk.state), nl=False)
        return
    if at_boot:
        click.echo(boot.install(desk.state))
        return
    for line in boot.bring_up(desk):
        click.echo(line)
