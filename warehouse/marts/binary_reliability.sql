-- One row a source and 5 % of claimed probability: how often its decided signals won, with the interval of 95 %.
with bins as (
    select venue, least(floor(probability * 20) / 20, 0.95) as claimed_from, probability, won
    from binary_outcomes
),

counted as (
    select
        venue,
        claimed_from,
        count(*) as signals,
        avg(probability) as claimed,
        count(*) filter (where won) as won,
        count(*) filter (where won) / count(*) as hit_rate
    from bins
    group by venue, claimed_from
)

-- Wilson's score interval: it stays within 0..1 and is honest for few signals.
select
    *,
    (hit_rate + 1.9208 / signals - 1.96 * sqrt((hit_rate * (1 - hit_rate) + 0.9604 / signals) / signals))
        / (1 + 3.8416 / signals) as hit_rate_low,
    (hit_rate + 1.9208 / signals + 1.96 * sqrt((hit_rate * (1 - hit_rate) + 0.9604 / signals) / signals))
        / (1 + 3.8416 / signals) as hit_rate_high
from counted
