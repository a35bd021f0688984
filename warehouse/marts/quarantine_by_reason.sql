-- One row a venue, symbol, stream and reason: all that was put in quarantine so far.
select
    venue,
    symbol,
    stream,
    reason,
    count(*) as inputs,
    min(ts_recv) as first_ts_recv,
    max(ts_recv) as last_ts_recv,
    arg_max(detail, ts_recv) as last_detail
from quarantine
group by venue, symbol, stream, reason
