from pathlib import Path

import rich_click as click

from orak.entrypoints.cli.options import data_dir_option, load_settings
from orak.entrypoints.cli.output import console, is_piped, json_lines, table

_COLUMNS_FOR_MEANING = 120


@click.command()
@data_dir_option
def config(data_dir: Path | None) -> None:
    """Show each setting, its value and its source.

    A flag overrides the environment, which overrides `.env`, which overrides the default. Values that follow
    from other settings are shown as orak uses them. Secrets are masked.
    """
    from typing import get_type_hints

    from orak.entrypoints.cli.remote import remote_settings
    from orak.entrypoints.settings.later import LATER_SETTINGS
    from orak.entrypoints.settings.sources import describe, shown_value, variable_names
    from orak.entrypoints.settings.values import Settings

    loaded = load_settings(data_dir=data_dir)
    kinds = get_type_hints(Settings, include_extras=True)
    settings = loaded.settings
    effective = {
        "database_url": settings.database,
        "public_url": settings.base_url,
        "cdn_base_url": settings.media_url,
        "immediate_slots": settings.slots,
    }
    rows = [
        (
            variable_names(field)[-1],
            shown_value(field, effective.get(field, getattr(loaded.settings, field))),
            origin,
            describe(kinds[field]),
        )
        for field, origin in loaded.origins.items()
    ]
    for later in LATER_SETTINGS:
        found = loaded.later.get(later.name)
        value = f"{found.value} (not available yet)" if found else "not available yet"
        rows.append((later.name, value, found.origin if found else "default", later.meaning))
    rows += [
        (name, shown_value(name, one.value), one.origin, "variable of OpenTelemetry")
        for name, one in loaded.opentelemetry.items()
    ]
    rows += [(row.name, row.shown, row.origin, row.meaning) for row in remote_settings()]
    if is_piped():
        json_lines({"name": name, "value": value, "origin": origin} for name, value, origin, _ in rows)
        return
    screen = console()
    wide = screen.width >= _COLUMNS_FOR_MEANING
    shown = table("Setting", "Value", "Source", *(("Meaning",) if wide else ()))
    shown.columns[1].overflow = "fold"
    for name, value, origin, meaning in rows:
        style = "dim" if origin == "default" else None
        shown.add_row(name, value, origin, *((meaning,) if wide else ()), style=style)
    screen.print(shown)
