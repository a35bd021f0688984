-- One row a venue, symbol and second that orderflow_1s holds more than once, or that is not a whole second.
select venue, symbol, ts_event, count(*) as copies
from orderflow_1s
group by venue, symbol, ts_event
having copies > 1 or epoch_ns(ts_event) % 1000000000 <> 0
