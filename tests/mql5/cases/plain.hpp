// The expert in its plainest form, and what it holds.
#pragma once
#include "drive.hpp"

namespace mql5::cases {

// No sidecar, no news, the shortest distances: what happens follows from the price alone.
inline void Plain() {
  Open();
  Set({{"InpUseSidecar", "false"}, {"InpPush", "false"}, {"InpNews", ""}, {"InpOtherDistance", "0"}, {"InpRangeShare", "0"}, {"InpNightDistance", "0"},
       {"InpDayDistance", "0"}, {"InpEveningDistance", "0"}, {"InpPauseS", "0"}, {"InpTrend", "1000000"}});
}
// An order of somebody else: it must outlive everything.
inline ulong Foreigner() {
  Server().positions.push_back({1, "XAUUSD", POSITION_TYPE_BUY, 0.01, 2000, 0, 0, 0, 7, "foreign", Server().now_ms});
  return 1;
}
inline bool Held(ulong ticket) {
  return std::any_of(Server().positions.begin(), Server().positions.end(), [&](const auto &position) { return position.ticket == ticket; });
}
inline double Lots() {
  double lots = 0;
  for (const auto &position : Server().positions) lots += position.magic == 7 ? 0 : position.volume;
  for (const auto &order : Server().orders) lots += order.volume;
  return lots;
}

}  // namespace mql5::cases
