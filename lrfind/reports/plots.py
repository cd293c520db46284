"""The figures of the page, empty: its script fills them, since it computes the averages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lrfind.support.axes import BLUE, GREEN, GREY, PINK, RED, SKY

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource
    from bokeh.plotting import figure

INK = "#1c1e21"
"""Colour of what is black on white; the script changes it on a dark screen."""
COLUMNS = ("step", "lr", "raw", "ema", "ema_shown", "debiased", "centred")
"""What is known of every step of a sweep."""
CURVES: dict[str, dict[str, Any]] = {
    "ema_shown": {"name": "ema", "color": SKY, "line_width": 5, "line_alpha": 0.6},
    "centred": {"name": "centred", "color": INK, "line_width": 1.5, "line_dash": "dashed"},
    "debiased": {"name": "debiased", "color": RED, "line_width": 2},
}
"""How the curves are drawn, the undermost first."""
TOOLS = "pan,box_zoom,wheel_zoom,reset"


def loss_figures() -> dict[str, figure]:
    """The losses against the learning rate, on a linear and on a logarithmic axis.

    They share their sources, so that what the script writes appears in both.
    """
    columns = {
        "steps": COLUMNS,
        "probe": ("lr", "loss"),
        "minima": ("lr", "loss", "color", "text_color", "said"),
        "below": ("lr", "loss", "color", "text_color", "said"),
        "others": ("lr", "loss", "color"),
    }
    sources = {name: _source(name, each) for name, each in columns.items()}
    return {scale: _loss_figure(scale, sources) for scale in ("linear", "log")}


def _source(name: str, columns: Sequence[str]) -> ColumnDataSource:
    """An empty source that the script finds by its name."""
    from bokeh.models import ColumnDataSource

    return ColumnDataSource({column: [] for column in columns}, name=f"{name} data")


def _loss_figure(scale: str, sources: dict[str, ColumnDataSource]) -> figure:
    figure = _figure(scale, "learning rate", "loss")
    figure.multi_line("lr", "loss", source=sources["others"], color="color", name="others")
    points = figure.scatter(
        "lr", "raw", source=sources["steps"], color=GREY, size=4, alpha=0.7, name="raw"
    )
    figure.line(
        "lr", "loss", source=sources["probe"], color=PINK, line_dash="dotdash", name="probe"
    )
    for column, look in CURVES.items():
        figure.line("lr", column, source=sources["steps"], **look)
    for source, marker, size in (("minima", "diamond", 14), ("below", "triangle", 12)):
        figure.scatter(
            "lr", "loss", source=sources[source], color="color", marker=marker, size=size,
            line_color="white", name=source,
        )  # fmt: skip
        figure.text(
            "lr", "loss", text="said", source=sources[source], color="text_color", y_offset=-9,
            text_align="center", text_baseline="bottom", text_font_size="13px",
            text_font_style="bold", name=source,
        )  # fmt: skip
    _add_marks(figure, ("rate", GREEN, 2.5, "solid"), ("cursor", GREY, 1.0, "dotted"))
    _add_arrow(figure)
    _add_hover(figure, points)
    return figure


def beta_figure() -> figure:
    """The minimum of each average, and the rate one decade below, against beta."""
    from bokeh.models import Range1d

    figure = _figure("log", "beta (spaced by the window 1 / (1 - beta))", "learning rate")
    figure.x_range = Range1d(0.95, 1100)
    betas = _source("betas", ("window", "beta", "ema", "debiased", "below"))
    now = _source("now", ("window", "lr", "color"))
    figure.line("window", "ema", source=betas, color=SKY, line_width=5, line_alpha=0.6)
    minimum = figure.line("window", "debiased", source=betas, color=RED, line_width=2)
    figure.line("window", "below", source=betas, color=RED, line_width=1.5, line_dash="dashed")
    figure.scatter("window", "lr", source=now, color="color", size=10, line_color="white")
    spans = (("raw", GREY, "dotdash"), ("expected", BLUE, "dotted"), ("rate", GREEN, "solid"))
    for name, color, dash in spans:
        _add_span(figure, f"beta {name}", "width", color, 1.5, dash)
    _add_span(figure, "beta now", "height", INK, 1.0, "dashed")
    _add_beta_hover(figure, minimum)
    return figure


def label_betas(figure: figure, betas: Sequence[float]) -> None:
    """Label the axis at these betas."""
    from bokeh.models import FixedTicker

    ticks = {1 / (1 - beta): f"{beta:g}" for beta in betas}
    figure.xaxis.ticker = FixedTicker(ticks=list(ticks), minor_ticks=[])
    figure.xaxis.major_label_overrides = ticks


def _figure(scale: str, across: str, up: str) -> figure:
    from bokeh.models import Range1d
    from bokeh.plotting import figure

    made = figure(
        x_axis_type="log", y_axis_type=scale, x_range=Range1d(1, 10), y_range=Range1d(1, 10),
        x_axis_label=across, y_axis_label=up, height=430, sizing_mode="stretch_width",
        tools=TOOLS, toolbar_location="above", background_fill_color=None, border_fill_color=None,
        outline_line_color=None,
    )  # fmt: skip
    made.toolbar.logo = None
    made.toolbar.autohide = False
    made.grid.grid_line_alpha = 0.5
    return made


def _add_marks(figure: figure, *spans: tuple[str, str, float, str]) -> None:
    from bokeh.models import BoxAnnotation

    figure.add_layout(
        BoxAnnotation(
            fill_color=GREEN, fill_alpha=0.12, line_color=None, level="underlay", name="band"
        )
    )
    for name, color, width, dash in spans:
        _add_span(figure, name, "height", color, width, dash)


def _add_span(
    figure: figure, name: str, dimension: str, color: str, width: float, dash: str
) -> None:
    from bokeh.models import Span

    figure.add_layout(
        Span(
            dimension=dimension, line_color=color, line_width=width, line_dash=dash, name=name,
            level="underlay",
        )
    )  # fmt: skip


def _add_arrow(figure: figure) -> None:
    """From the raw to the debiased minimum."""
    from bokeh.models import Arrow, NormalHead

    head = NormalHead(size=10, fill_color=RED, line_color=RED)
    figure.add_layout(
        Arrow(
            end=head, x_start=1, y_start=1, x_end=1, y_end=1, line_color=RED, line_width=1.5,
            name="shift", visible=False,
        )
    )  # fmt: skip


def _add_hover(figure: figure, points: Any) -> None:
    losses = {"raw loss": "raw", "EMA": "ema", "debiased EMA": "debiased", "centred": "centred"}
    rows = {"step": "@step{%d}", "rate": "@lr{%.2e}"}
    rows |= {name: f"@{column}{{%.4g}}" for name, column in losses.items()}
    figure.add_tools(_hover(points, rows, "mouse"))


def _add_beta_hover(figure: figure, line: Any) -> None:
    columns = {"EMA minimum": "ema", "debiased minimum": "debiased", "one decade below": "below"}
    rows = {"beta": "@beta{%g}"}
    rows |= {name: f"@{column}{{%.2e}}" for name, column in columns.items()}
    figure.add_tools(_hover(line, rows, "vline"))


def _hover(renderer: Any, rows: dict[str, str], mode: str) -> Any:
    from bokeh.models import HoverTool

    formatters = {text.partition("{")[0]: "printf" for text in rows.values()}
    return HoverTool(
        renderers=[renderer], tooltips=list(rows.items()), formatters=formatters, mode=mode
    )
