-- One row a pool and block: reserves in whole units; price is token1 for one token0 before the fee.
select
    venue,
    date,
    chain_id,
    symbol,
    pool,
    token0,
    token1,
    reserve0::double / 10 ** decimals0 as reserve0,
    reserve1::double / 10 ** decimals1 as reserve1,
    (reserve1::double / 10 ** decimals1) / nullif(reserve0::double / 10 ** decimals0, 0) as price,
    fee_bps,
    block_number,
    block_hash,
    make_timestamp_ns(ts_event) as ts_event,
    make_timestamp_ns(ts_recv) as ts_recv,
    gas_price_wei
from raw.pool_reserves
