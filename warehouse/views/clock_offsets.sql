-- One row a measurement of how far a venue's clock is ahead of ours.
select * replace (make_timestamp_ns(ts_recv) as ts_recv)
from raw.clock_offsets
