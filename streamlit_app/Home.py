"""The dashboard's door: who may look, and which pages there are."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from streamlit_app import frame

ICON = Path(__file__).with_name("icon.svg")
PAGES = {
    "Now": [
        st.Page("pages/overview.py", title="Overview", icon=":material/home:", default=True),
        st.Page("pages/order_flow.py", title="Order flow", icon=":material/stacked_line_chart:"),
    ],
    "Data": [
        st.Page("pages/data_quality.py", title="Data quality", icon=":material/verified:"),
        st.Page("pages/sql.py", title="SQL", icon=":material/database:"),
    ],
}


def main() -> None:
    st.set_page_config("Trifecta", page_icon=str(ICON), layout="wide")
    if frame.admit():
        st.logo(str(ICON), size="large")
        page = st.navigation(PAGES)
        frame.sidebar()
        page.run()


main()
