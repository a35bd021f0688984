-- One row a second whose book is crossed, unsorted, has an empty level, or is empty though it is called valid.
select *
from book_top
where len(bid_price) <> len(bid_qty)
    or len(ask_price) <> len(ask_qty)
    or valid <> (len(bid_price) > 0 and len(ask_price) > 0)
    or bid_price[1] >= ask_price[1]
    or list_reverse_sort(bid_price) <> bid_price
    or list_sort(ask_price) <> ask_price
    or list_min(list_concat(bid_price, bid_qty, ask_price, ask_qty)) <= 0
