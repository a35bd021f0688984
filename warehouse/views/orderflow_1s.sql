-- One row a venue, symbol and closed second: order flow of the 60 s that end at ts_event (exclusive).
select * replace (make_timestamp_ns(ts_event) as ts_event, make_timestamp_ns(ts_recv) as ts_recv)
from raw.orderflow_1s
