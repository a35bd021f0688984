"""Versions against baselines, what serves and why; promote, roll back, train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from streamlit_app import accounts, frame
from streamlit_app.reading import settings, sidecar

MOST_REASON = 200
_COLOURS = {"champion": "green", "challenger": "blue", "retired": "gray", "refused": "red"}
_TIME = st.column_config.DatetimeColumn(format="MMM D HH:mm")

_SERVING = {
    "horizon_s": st.column_config.NumberColumn("horizon, s", help="how far each range looks"),
    "source": st.column_config.TextColumn(
        help="a trained model, the best baseline where no model beat every baseline, a fallback in the first minutes"
    ),
    "method": st.column_config.TextColumn(
        help="persistence: the range of the last horizon; ewma: an average in which the newest counts most; "
        "har: a regression on the ranges of short, middle and long spans"
    ),
    "champion": st.column_config.TextColumn(help="the version that serves; empty where a baseline does"),
    "problem": st.column_config.TextColumn(help="why a champion does not serve; empty where nothing keeps it"),
}


def main() -> None:
    frame.heading(
        "Models", "What serves and why. A model serves only where it beats every baseline, boosted trees included."
    )
    _training()
    _serving()
    try:
        _versions()
    except accounts.LedgerAwayError as error:
        st.error(str(error), icon=":material/database_off:")


@st.fragment(run_every=2 * frame.CHART_S)
def _training() -> None:
    found = sidecar().get("/model/status")
    if frame.trouble(found):
        return
    run = found["training"]
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        if run is None:
            st.markdown("No training run is known." if found["prefect"] == "ok" else found["prefect"], width="stretch")
        else:
            percent = run["progress"] if run["progress"] is not None else 0.0
            told = f"**{run['name']}** · {run['state'].lower()} {run['message'] or ''}"
            st.progress(min(percent / 100, 1.0), text=told, width="stretch")
        if st.button("Train", icon=":material/fitness_center:", key="train"):
            answer = sidecar().post("/model/train")
            if not frame.trouble(answer):
                word = "started" if answer["started"] else "already runs"
                st.toast(f"{answer['run']['name']} {word}")


@st.fragment(run_every=2 * frame.CHART_S)
def _serving() -> None:
    st.subheader("What serves now")
    found = sidecar().get("/model/status")
    if "error" in found or not found.get("serving"):
        frame.nothing("Nothing serves yet", "Ten seconds of a market are enough for a first baseline.")
        return
    rows = pd.DataFrame(found["serving"]).fillna({"method": "", "champion": "", "problem": ""})
    st.dataframe(rows, hide_index=True, width="stretch", column_config=_SERVING)


def _versions() -> None:
    st.subheader("Versions")
    versions = accounts.model_versions()
    if versions.empty:
        frame.nothing("No version was trained yet", "Training needs hours of recording; it says how many are missing.")
        return
    shown = versions[["version", "status", "target", "venue", "symbol", "horizon_s", "network", "created_at", "reason"]]
    st.dataframe(
        shown,
        hide_index=True,
        width="stretch",
        column_config={"created_at": _TIME, "horizon_s": st.column_config.NumberColumn("horizon, s")},
    )
    names = list(versions["version"])
    champions = versions[versions["status"] == "champion"]["version"]
    first = names.index(champions.iloc[0]) if len(champions) else 0
    chosen = st.selectbox("Version", names, index=first, key="version")
    row = versions[versions["version"] == chosen].iloc[0]
    _version({str(name): value for name, value in row.items()})


def _version(row: dict[str, Any]) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(row["status"], color=_COLOURS.get(row["status"], "gray"))
            st.markdown(f"**{row['version']}**", width="stretch")
            if row["status"] == "champion":
                with st.popover("Roll back", icon=":material/undo:"):
                    _decide("rollback", row)
            else:
                with st.popover("Promote", icon=":material/arrow_upward:"):
                    _decide("promote", row)
        _scores(row)
        _plots(settings().data_dir / str(row["folder"]))
        with st.expander("What became of it"):
            told = accounts.history_of([str(row["version"])])
            st.dataframe(
                told.drop(columns=["id", "version"]), hide_index=True, width="stretch", column_config={"ts_ns": _TIME}
            )


def _scores(row: dict[str, Any]) -> None:
    """Losses of the model and of each baseline on data that none of them had seen."""
    metrics = json.loads(row["metrics"])
    scores = pd.DataFrame(metrics.get("scores", []))
    for reason in metrics.get("reasons", []):
        st.caption(f":{'green' if metrics.get('passed') else 'red'}[●] {reason}")
    if not scores.empty:
        st.dataframe(scores, hide_index=True, width="stretch")


def _plots(folder: Path) -> None:
    found = sorted((folder / "plots").glob("*.png"))
    if found:
        columns = st.columns(min(len(found), 3))
        for number, path in enumerate(found):
            columns[number % len(columns)].image(str(path), caption=path.stem.replace("_", " "), width="stretch")


def _decide(act: str, row: dict[str, Any]) -> None:
    """The second step: why."""
    market = f"the {row['target']} of {row['symbol']} at {row['venue']}, {row['horizon_s']} s"
    who = row["version"] if act == "promote" else "The champion before"
    st.markdown(f"{who} shall serve {market}. It takes effect with the next second.")
    with st.form(act, border=False, clear_on_submit=True):
        reason = st.text_input("Why", max_chars=MOST_REASON)
        sent = st.form_submit_button("Do it", type="primary")
    body = {"version": row["version"]} if act == "promote" else _market(row)
    if sent and not reason.strip():
        st.warning("Say why: it is kept and shown.")
    elif sent and not frame.trouble(sidecar().post(f"/model/{act}", {**body, "reason": reason})):
        st.rerun()


def _market(row: dict[str, Any]) -> dict[str, Any]:
    named = {name: row[name] for name in ("target", "venue", "symbol")}
    return {**named, "horizon_s": int(row["horizon_s"])}


main()
