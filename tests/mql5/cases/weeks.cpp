// Days in which everything goes wrong, and the Strategy Tester
#include <random>

#include "plain.hpp"

namespace mql5::cases {

struct Week {
  std::vector<std::pair<double, long>> ticks;  // bid, ms since the last
};
// Five days that lose a third, in slides and gaps, with rallies that tempt; SIMULATED.
static Week Crash(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, 0.25);
  std::uniform_real_distribution<double> chance(0, 1);
  Week week;
  double price = 2000;
  for (int at = 0; at < 5 * 24 * 60; ++at) {
    const bool gap = chance(random) < 0.002;
    price += noise(random) - 0.09 + (gap ? -6 * chance(random) : 0) + (at % 1440 > 1200 ? 0.15 : 0);
    week.ticks.push_back({std::round(price * 100) / 100, MINUTE_MS});
  }
  return week;
}
struct Worst {
  double lots = 0, day = 0, equity = 1e9;
  int orders_a_day = 0;
};
static Worst Play(const Week &week) {
  Worst worst;
  double opened = Server().Equity(), jump = 0, before = Gold().bid;
  long day = -1;
  std::size_t entries = 0;
  for (const auto &[bid, ms] : week.ticks) {
    jump = std::fabs(bid - before) * 100 * Lots();  // what no stop can prevent
    before = bid;
    Tick(bid, 0.2, ms);
    const auto in = static_cast<std::size_t>(std::count_if(Server().deals.begin(), Server().deals.end(), [](const auto &deal) { return deal.entry == DEAL_ENTRY_IN; }));
    if (Server().now_ms / DAY_MS != day) {
      day = Server().now_ms / DAY_MS;
      opened = Server().Equity();
      entries = in;
    }
    worst.lots = std::max(worst.lots, Lots());
    worst.day = std::max(worst.day, opened - Server().Equity() - jump);
    worst.equity = std::min(worst.equity, Server().Equity() + jump);
    worst.orders_a_day = std::max(worst.orders_a_day, static_cast<int>(in - entries));
    for (const auto &position : Server().positions) CHECK(position.magic == 7 || (position.sl > 0 && position.tp > 0));
    for (const auto &order : Server().orders) CHECK(order.sl > 0 && order.tp > 0);
  }
  return worst;
}

CASE("week: in a crash daily loss, drawdown, orders and lots keep to their limits, with adding too") {
  for (const bool adding : {false, true}) {
    for (const auto mode : {ACCOUNT_MARGIN_MODE_RETAIL_HEDGING, ACCOUNT_MARGIN_MODE_RETAIL_NETTING}) {
      Reset();
      program::RenewGlobals();
      Plain();
      Server().margin_mode = mode;
      Gold().commission = 3;
      const ulong foreign = mode == ACCOUNT_MARGIN_MODE_RETAIL_HEDGING ? Foreigner() : 0;
      if (foreign) Server().positions[0].volume = 1e-9;  // there, but without weight in the account's equity
      Set({{"InpAdding", adding ? "true" : "false"}, {"InpMultiply", adding ? "true" : "false"}, {"InpStop", adding ? "4000" : "500"}, {"InpMaxLots", "0.3"},
           {"InpMaxOrdersADay", "12"}, {"InpDailyLossPercent", "2"}, {"InpMaxDrawdownPercent", "5"}, {"InpRiskPercent", "1"}});
      EQUAL(Start(), 0);
      const Worst worst = Play(Crash(11));
      CHECK(Server().deals.size() > 8);
      CHECK(worst.lots <= 0.3 + 1e-9);
      CHECK(worst.orders_a_day <= 13);  // one more where the day turns on an entry
      CHECK(worst.day <= 200 + 60);  // the limit, commission and the spread of what is closed
      CHECK(worst.equity >= 9500 - 60);
      CHECK(!foreign || Held(foreign));
    }
  }
}

CASE("week: in the Strategy Tester no request is made and two runs are the same") {
  std::vector<std::vector<SimDeal>> runs;
  for (const ulong jitter : {0UL, 17UL}) {
    Reset();
    program::RenewGlobals();
    Plain();
    Here().tester = true;
    Here().jitter_ms = jitter;
    Set({{"InpUseSidecar", "true"}, {"InpPush", "true"}, {"InpPauseS", "60"}});
    EQUAL(Start(), 0);
    Server().faults = {{10012, true}, {10004}, {10006}};
    const Week week = Crash(3);
    for (std::size_t at = 0; at < 2000; ++at) {
      Tick(week.ticks[at].first, 0.2, week.ticks[at].second);
      program::OnTimer();
    }
    CHECK(Here().requests.empty() && Here().objects.empty());
    runs.push_back(Server().deals);
  }
  CHECK(runs[0].size() > 8);
  EQUAL(runs[0].size(), runs[1].size());
  for (std::size_t at = 0; at < runs[0].size(); ++at) {
    CHECK(runs[0][at].time_ms == runs[1][at].time_ms && runs[0][at].price == runs[1][at].price && runs[0][at].volume == runs[1][at].volume &&
          runs[0][at].profit == runs[1][at].profit);
  }
}

}  // namespace mql5::cases
