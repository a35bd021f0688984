-- One row a range as it was served: venue, symbol, horizon and ts_event, when it was made.
select * replace (make_timestamp_ns(ts_event) as ts_event, make_timestamp_ns(ts_recv) as ts_recv)
from raw.predictions
