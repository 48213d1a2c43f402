"""Write dashboard.json from rows.py. The output is the same each time.

A test says if it is out of date; `just docs` writes it again.
"""

import itertools
import json
import string
import sys
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))

from rows import ROWS, Panel  # noqa: E402 - beside this script, which is no package

_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


def dashboards() -> dict[str, str]:
    """Return the text of each file by its name."""
    made = (
        dashboard.Dashboard("orak")
        .uid("orak")
        .description("Recordings, from the first call on. Each alarm has a section in the runbook.")
        .tags(["orak"])
        .timezone("browser")
        .time("now-3h", "now")
        .refresh("30s")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    ids = itertools.count(1)
    for title, panels in ROWS.items():
        made.with_row(dashboard.Row(title).id(next(ids)))
        for panel in panels:
            made.with_panel((_number(panel) if panel.is_number else _graph(panel)).id(next(ids)))
    return {"dashboard.json": json.dumps(made.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"}


def _graph(panel: Panel) -> timeseries.Panel:
    made = timeseries.Panel().span(8).height(8).fill_opacity(10).line_width(1)
    made.legend(
        VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
    )
    made.tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    if panel.limit is not None:
        made.thresholds_style(GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED))
    _describe(made, panel)
    return made


def _number(panel: Panel) -> stat.Panel:
    made = stat.Panel().span(4).height(4).graph_mode(BigValueGraphMode.AREA)
    made.color_mode(BigValueColorMode.VALUE).reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    _describe(made, panel)
    return made


def _describe(made: timeseries.Panel | stat.Panel, panel: Panel) -> None:
    made.title(panel.title).description(panel.about).unit(panel.unit).datasource(_SOURCE)
    made.min(0).thresholds(_thresholds(panel))
    for letter, (legend, expression) in zip(string.ascii_uppercase, panel.queries.items(), strict=False):
        made.with_target(prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(letter).range())


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    """Colour what makes an alarm fire red."""
    good, bad = "green", "red"
    steps = [Threshold(value=None, color=bad if panel.fires_below else good)]
    if panel.limit is not None:
        steps.append(Threshold(value=panel.limit, color=good if panel.fires_below else bad))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


if __name__ == "__main__":
    for name, text in dashboards().items():
        (FOLDER / name).write_text(text)
