-- One row a venue and symbol: filters, base fees and ways out as the venue told them last.
select * replace (make_timestamp_ns(ts_recv) as ts_recv)
from raw.instruments
qualify row_number() over (partition by venue, symbol order by raw.instruments.ts_recv desc) = 1
