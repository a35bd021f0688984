-- One row a pool whose reserves are not positive, or that two hashes of one block tell of.
select *, count(distinct block_hash) over (partition by venue, chain_id, block_number) as hashes
from pool_reserves
qualify not (reserve0 > 0 and reserve1 > 0 and fee_bps between 0 and 10000) or hashes > 1
