-- One row a gap_id of a venue and symbol, as it stands now: what a feed skipped, and what became of it.
select * replace (
    make_timestamp_ns(ts_from) as ts_from,
    make_timestamp_ns(ts_to) as ts_to,
    make_timestamp_ns(ts_recv) as ts_recv
)
from raw.gaps
-- A gap opens before it closes: of two rows with one receive time the open one is the older.
qualify row_number() over (partition by venue, symbol, gap_id order by raw.gaps.ts_recv desc, status = 'open') = 1
