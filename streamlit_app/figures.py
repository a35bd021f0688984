"""Figures in one style: readable on light and dark, on a telephone too, and still while they are renewed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

BLUE, GREEN, RED, AMBER, VIOLET, GREY = "#3E7BFA", "#12A594", "#E5484D", "#F5A524", "#8E4EC6", "#8A94A6"
UP, DOWN = GREEN, RED
CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"], "responsive": True}
GRID = "rgba(138, 148, 166, 0.18)"


def panels(titles: Sequence[str], *, heights: Sequence[float] | None = None, height: int = 420) -> go.Figure:
    """An empty figure of panels below each other that share their time axis."""
    figure = make_subplots(
        rows=len(titles), cols=1, shared_xaxes=True, vertical_spacing=0.05, row_heights=list(heights or ()) or None
    )
    for row, title in enumerate(titles, start=1):
        figure.update_yaxes(title_text=title, title_font_size=11, row=row, col=1)
    return styled(figure, height=height)


def styled(figure: go.Figure, *, height: int = 320, legend: bool = True) -> go.Figure:
    """The figure in the dashboard's style."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        showlegend=legend,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 11}},
        hovermode="x unified",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        bargap=0.05,
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, automargin=True)
    return figure


def line(figure: go.Figure, times: pd.Series, values: pd.Series, name: str, colour: str, **more: Any) -> None:
    """Adds one line; `row` names the panel it goes to."""
    row = more.pop("row", None)
    width, dash = more.pop("width", 1.6), more.pop("dash", None)
    place = {"row": row, "col": 1} if row else {}
    figure.add_scatter(
        x=times,
        y=values,
        name=name,
        mode="lines",
        line={"color": colour, "width": width, "dash": dash},
        **more,
        **place,
    )


def band(figure: go.Figure, times: pd.Series, low: pd.Series, high: pd.Series, name: str, colour: str) -> None:
    """Adds the area between two lines, where both are known: an area for each run of known values."""
    known = low.notna() & high.notna()
    runs = [run for _, run in known[known].groupby((~known).cumsum()[known])]
    for number, run in enumerate(runs):
        places = [*run.index, *run.index[::-1]]
        figure.add_scatter(
            x=times.loc[places],
            y=pd.concat([high.loc[run.index], low.loc[run.index[::-1]]]),
            mode="lines",
            line_width=0,
            fill="toself",
            fillcolor=_faint(colour),
            name=name,
            legendgroup=name,
            showlegend=number == 0,
            hoverinfo="skip",
        )


def heat(
    values: pd.DataFrame,
    *,
    height: int,
    unit: str,
    colours: Sequence[tuple[float, str]],
    top: float | None = None,
    scale: bool = True,
) -> go.Figure:
    """A heat map of a table: its index goes down, its columns go right."""
    figure = go.Figure(
        go.Heatmap(
            z=values.to_numpy(),
            x=values.columns,
            y=values.index,
            colorscale=[list(step) for step in colours],
            zmin=0,
            zmax=top,
            showscale=scale,
            hovertemplate="%{y}<br>%{x}<br>%{z:,.3~f} " + unit + "<extra></extra>",
            colorbar={"thickness": 8, "outlinewidth": 0, "title": {"text": unit, "font": {"size": 10}}},
        )
    )
    figure = styled(figure, height=height, legend=False)
    return figure.update_layout(hovermode="closest")


def show(figure: go.Figure, key: str, about: str) -> None:
    """Draws a figure under a key of its own, so that the next one moves its lines instead of blinking.

    Args:
        about: what a person who cannot see it is told.
    """
    figure.update_layout(uirevision=key)
    st.plotly_chart(figure, width="stretch", key=key, config=CONFIG, alt=about)


def tiles(values: Mapping[str, tuple[str, str]], *, key: str) -> None:
    """A row of numbers that wraps on a narrow screen: name → (value, help)."""
    with st.container(horizontal=True, key=key):
        for name, (value, about) in values.items():
            st.metric(name, value, help=about or None, border=True, width="stretch")


def number(value: float | None, form: str = ",.2f", none: str = "–") -> str:
    """The number in this form; a dash where there is none."""
    return none if value is None or pd.isna(value) else format(value, form)


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.15)"
