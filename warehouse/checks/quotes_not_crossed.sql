-- One row a quote that is crossed, locked, not positive or without its time.
select *
from quotes
where not (bid > 0 and bid < ask and bid_qty >= 0 and ask_qty >= 0 and ts_recv is not null)
