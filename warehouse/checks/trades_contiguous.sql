-- One row a run of trade ids that is missing though no open or lost gap says so.
with holes as (
    select
        venue,
        symbol,
        lag(trade_id + trade_count) over (partition by venue, symbol order by trade_id) as first_missing,
        trade_id - 1 as last_missing,
        ts_event as noticed_at
    from trades
    qualify first_missing <= last_missing
),

told as (
    select
        holes.venue,
        holes.symbol,
        holes.first_missing,
        holes.last_missing,
        holes.noticed_at,
        coalesce(sum(
            least(gaps.last_id, holes.last_missing) - greatest(gaps.first_id, holes.first_missing) + 1
        ) filter (where gaps.gap_id is not null), 0) as ids_in_gaps
    from holes
    left join gaps
        on gaps.venue = holes.venue
        and gaps.symbol = holes.symbol
        and gaps.stream in ('trade', 'aggTrade')
        and gaps.status <> 'filled'
        and gaps.first_id <= holes.last_missing
        and gaps.last_id >= holes.first_missing
    group by all
)

select * from told
where ids_in_gaps < last_missing - first_missing + 1
