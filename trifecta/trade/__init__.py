"""Orders, fills and money: the order book of our own doing, how paper fills, and the gateways to venues."""
