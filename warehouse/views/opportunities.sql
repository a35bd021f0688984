-- One row an opportunity and event (found, judged, ended); id is the same for as long as the same chance lasts.
select * replace (
    make_timestamp_ns(ts_first) as ts_first,
    make_timestamp_ns(ts_event) as ts_event,
    make_timestamp_ns(ts_expiry) as ts_expiry,
    make_timestamp_ns(ts_recv) as ts_recv
)
from raw.opportunities
