-- One row a signal of a source: a bet on the price of a pair after expiry_s, with the probability that it claims.
select * replace (
    make_timestamp_ns(ts_event) as ts_event,
    make_timestamp_ns(ts_recv) as ts_recv,
    case direction when 1 then 'call' when -1 then 'put' end as direction
)
from raw.binary_signals
