-- One row a venue, symbol and minute that bars_1m shows more than once, or that does not start on a minute.
select venue, symbol, ts_open, count(*) as bars
from bars_1m
group by venue, symbol, ts_open
having bars > 1 or epoch_ns(ts_open) % 60000000000 <> 0
