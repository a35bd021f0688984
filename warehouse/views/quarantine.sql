-- One row an input that cannot be what it claims to be, with the reason.
select * replace (make_timestamp_ns(ts_recv) as ts_recv)
from raw.quarantine
