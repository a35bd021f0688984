"""The venue's description of its symbols, in the structure that Binance answers with."""

from typing import Any

from trifecta.emulator.config import MarketName
from trifecta.emulator.instruments import E8, Instrument, decimal_text

MOST_TICKS = 10_000_000
MOST_LOTS = 900_000_000


def exchange_info(market: MarketName, instruments: list[Instrument], weight_limit: int, now_ms: int) -> dict[str, Any]:
    """Answer of exchangeInfo for `instruments`."""
    describe = _spot if market is MarketName.SPOT else _usdm
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    ]
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": limits,
        "exchangeFilters": [],
        "symbols": [describe(instrument) for instrument in instruments],
    }


def _filters(own: Instrument) -> list[dict[str, Any]]:
    price, qty = own.price_text, own.qty_text
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": price(own.tick_e8),
            "maxPrice": price(own.tick_e8 * MOST_TICKS * 10),
            "tickSize": price(own.tick_e8),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": qty(own.lot_e8),
            "maxQty": qty(own.lot_e8 * MOST_LOTS),
            "stepSize": qty(own.lot_e8),
        },
    ]


def _spot(own: Instrument) -> dict[str, Any]:
    notional = {
        "filterType": "NOTIONAL",
        "minNotional": decimal_text(own.min_notional_e8, 8),
        "applyMinToMarket": True,
        "maxNotional": decimal_text(9_000_000 * E8, 8),
        "applyMaxToMarket": False,
        "avgPriceMins": 5,
    }
    return {
        "symbol": own.symbol,
        "status": "TRADING",
        "baseAsset": own.base,
        "baseAssetPrecision": 8,
        "quoteAsset": own.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [*_filters(own), {"filterType": "ICEBERG_PARTS", "limit": 10}, notional],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def _usdm(own: Instrument) -> dict[str, Any]:
    market_lot = {**_filters(own)[1], "filterType": "MARKET_LOT_SIZE"}
    notional = {"filterType": "MIN_NOTIONAL", "notional": str(own.min_notional_e8 // E8)}
    return {
        "symbol": own.symbol,
        "pair": own.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000,
        "onboardDate": 1_569_398_400_000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": own.base,
        "quoteAsset": own.quote,
        "marginAsset": own.quote,
        "pricePrecision": own.price_decimals,
        "quantityPrecision": own.qty_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": [*_filters(own), market_lot, notional],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }
