// A market for cases: XAUUSD on a broker, with bars, and a program that hears of its ticks.
#pragma once

namespace mql5::cases {

inline constexpr long MONDAY_MS = 1'700'438'400'000;  // 2023.11.20 00:00, a Monday
inline constexpr long MINUTE_MS = 60'000, HOUR_MS = 60 * MINUTE_MS;

inline Broker &Server() { return Here().broker; }
inline SimSymbol &Gold() { return Server().Of("XAUUSD"); }

// `count` bars up to now, each from `low` to `high`, the current one included.
inline std::vector<MqlRates> Flat(int count, ENUM_TIMEFRAMES timeframe, double low, double high) {
  std::vector<MqlRates> bars;
  const long seconds = PeriodSeconds(timeframe), newest = Server().now_ms / 1000 / seconds * seconds;
  for (int at = count - 1; at >= 0; --at) bars.push_back({datetime(newest - at * seconds), (low + high) / 2, high, low, (low + high) / 2, 100, 20, 0});
  return bars;
}

// The worked example: H1 10 wide, H4 20, D1 40, around 2000.
inline void Worked() {
  Gold().bars[PERIOD_H1] = Flat(50, PERIOD_H1, 1995, 2005);
  Gold().bars[PERIOD_H4] = Flat(50, PERIOD_H4, 1990, 2010);
  Gold().bars[PERIOD_D1] = Flat(50, PERIOD_D1, 1980, 2020);
  Gold().bars[PERIOD_M15] = Flat(50, PERIOD_M15, 1998, 2002);
  Gold().bars[PERIOD_M5] = Flat(50, PERIOD_M5, 1998, 2002);
}

// Monday, 05:00 of the server: no news, no weekend, the part of the day with the shortest distance.
inline void Open(double bid = 2000.0, double spread = 0.2) {
  SimSymbol gold;
  gold.name = "XAUUSD";
  gold.bid = bid;
  gold.ask = bid + spread;
  Server().symbols["XAUUSD"] = gold;
  Server().now_ms = MONDAY_MS + 5 * HOUR_MS;
  Worked();
  Server().Tick("XAUUSD", Server().now_ms, bid, bid + spread);
}

// A price `ms` later; the clocks move with it.
inline void Price(double bid, double spread = 0.2, long ms = 1000) {
  Here().passed_ms += static_cast<ulong>(ms);
  Server().Tick("XAUUSD", Server().now_ms + ms, bid, bid + spread);
}

inline void Pass(long ms) {
  Here().passed_ms += static_cast<ulong>(ms);
  Server().now_ms += ms;
}

}  // namespace mql5::cases
