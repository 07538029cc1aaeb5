"""`rollkeeper reset-password`: a way in for who lost the password."""

from __future__ import annotations

from typing import cast

import click

from rollkeeper.cli.frame import Failure, Output, json_option
from rollkeeper.configuration import Site


@click.command(name="reset-password")
@click.argument("site_name", metavar="SITE", type=click.Choice(["crm", "marketing"]))
@click.option("--user", default="administrator", show_default=True)
@json_option
@click.pass_obj
def reset_password(output: Output, site_name: str, user: str) -> None:
    """Give a user of SITE (crm or marketing) a new random password and print it."""
    from rollkeeper.cli.database import enter

    enter(cast("Site", site_name))
    from django.contrib.auth.models import User

    from rollkeeper.web.accounts import administrator

    try:
        password = administrator.reset_password(user)
    except User.DoesNotExist as error:
        raise Failure(f"The {site_name} site has no user {user!r}.") from error
    output.answer({"user": user, "password": password}, lambda console: console.print(f"{user}  {password}"))
