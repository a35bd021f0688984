-- One row an opportunity whose times run backwards, whose verdict is unknown, or that advises to execute a loss.
select id, event, verdict, expected_profit
from opportunities
where ts_first > ts_event or verdict not in ('EXECUTE', 'CONSIDER', 'SKIP')
    or (engine = 'arbitrage' and verdict <> 'SKIP' and expected_profit <= 0)
