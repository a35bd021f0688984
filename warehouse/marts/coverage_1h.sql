-- One row a venue, symbol and closed hour between its first and last second: how much of the hour was recorded.
with present as (
    select
        venue,
        symbol,
        raw.bucket(raw.later(ts_event, -1), 3600) as ts_open,
        count(distinct ts_event) as seconds,
        count(*) filter (where book_valid) as seconds_book_valid,
        max(ts_event) as until
    from orderflow_1s
    group by venue, symbol, ts_open
),

spans as (select venue, symbol, min(ts_open) as first_hour, max(until) as until from present group by venue, symbol),

-- An hour without a single second is the one that must not be hidden.
hours as (
    select venue, symbol, make_timestamp_ns(unnest(
        range(epoch_ns(first_hour), epoch_ns(raw.later(until, -3600)) + 1, 3600 * 1000000000::bigint)
    )) as ts_open
    from spans
)

select
    hours.venue,
    hours.symbol,
    hours.ts_open,
    raw.later(hours.ts_open, 3600) as ts_close,
    coalesce(present.seconds, 0) as seconds,
    coalesce(present.seconds, 0) / 3600 as share,
    coalesce(present.seconds_book_valid, 0) as seconds_book_valid,
    (
        select count(*) from gaps
        where gaps.venue = hours.venue
            and gaps.symbol = hours.symbol
            and gaps.ts_from < raw.later(hours.ts_open, 3600)
            and gaps.ts_to >= hours.ts_open
    ) as gaps,
    (
        select count(*) from gaps
        where gaps.venue = hours.venue
            and gaps.symbol = hours.symbol
            and gaps.ts_from < raw.later(hours.ts_open, 3600)
            and gaps.ts_to >= hours.ts_open
            and gaps.status <> 'filled'
    ) as gaps_not_filled
from hours
left join present using (venue, symbol, ts_open)
