// RiskGuard.mqh, BoxExpert.mqh and BoxEA.mq5: the whole expert on a market
#include <random>

#include "drive.hpp"
#include "faulty.hpp"

namespace mql5::cases {

// No sidecar, no news, the shortest distances: what happens follows from the price alone.
static void Plain() {
  Open();
  Set({{"InpUseSidecar", "false"}, {"InpPush", "false"}, {"InpNews", ""}, {"InpOtherDistance", "0"}, {"InpRangeShare", "0"}, {"InpNightDistance", "0"},
       {"InpDayDistance", "0"}, {"InpEveningDistance", "0"}, {"InpPauseS", "0"}, {"InpTrend", "1000000"}});
}
// The box of M15 is 1998 to 2002: 2005 is far enough above its middle to sell, 1995 to buy.
static void Sold() {
  Plain();
  EQUAL(Start(), 0);
  Tick(2005);
  EQUAL(Server().positions.size(), 1UL);
  EQUAL(Server().positions[0].type, static_cast<int>(POSITION_TYPE_SELL));
}
// An order of somebody else: it must outlive everything.
static ulong Foreigner() {
  Server().positions.push_back({1, "XAUUSD", POSITION_TYPE_BUY, 0.01, 2000, 0, 0, 0, 7, "foreign", Server().now_ms});
  return 1;
}
static bool Held(ulong ticket) {
  return std::any_of(Server().positions.begin(), Server().positions.end(), [&](const auto &position) { return position.ticket == ticket; });
}
static double Lots() {
  double lots = 0;
  for (const auto &position : Server().positions) lots += position.magic == 7 ? 0 : position.volume;
  for (const auto &order : Server().orders) lots += order.volume;
  return lots;
}

CASE("expert: it enters with a volume by risk, a stop and a take, and says so on the chart") {
  Sold();
  const auto &position = Server().positions[0];
  NEAR(position.volume, 0.1);  // 0.5 % of 10000 is 50; 500 points lose 500 a lot
  NEAR(position.sl, 2010);
  NEAR(position.tp, 1985);
  Tick(2005.1);
  EQUAL(Doing(), std::string("in position"));
  Timer();
  HOLDS(Here().objects["Trifecta.0"][OBJPROP_TEXT], "in position");
  HOLDS(Here().objects["Trifecta.1"][OBJPROP_TEXT], "traditional range: 2");
  HOLDS(Here().objects["Trifecta.7"][OBJPROP_TEXT], "1 sells 0.10");
  CHECK(Here().requests.empty());
  program::OnDeinit(REASON_REMOVE);
  CHECK(Here().objects.empty() && Here().timer_ms == 0);
}

CASE("expert: a wide range places both stop orders, and the one that is filled removes the other") {
  Plain();
  SetInput("InpThreshold", "100");
  EQUAL(Start(), 0);
  Tick(2000);
  EQUAL(Server().orders.size(), 2UL);
  NEAR(Server().orders[0].price, 2001.7);
  NEAR(Server().orders[1].price, 1998.5);
  NEAR(Server().orders[0].sl, 1996.7);
  NEAR(Server().orders[1].tp, 1978.5);
  NEAR(Server().orders[0].volume, 0.05);  // the risk is for both together
  Tick(2000.5);
  EQUAL(Server().orders.size(), 2UL);
  HOLDS(Doing(), "entry orders wait");
  Tick(2001.6);
  EQUAL(Server().orders.size(), 0UL);
  EQUAL(Server().positions.size(), 1UL);
}

CASE("expert: stop orders end after their life, also where the broker knows none") {
  for (const int expiration : {+SYMBOL_EXPIRATION_GTC, SYMBOL_EXPIRATION_GTC | SYMBOL_EXPIRATION_SPECIFIED}) {
    Reset();
    program::RenewGlobals();
    Plain();
    Set({{"InpThreshold", "100"}, {"InpMaxSpread", "30"}});
    Gold().expiration = expiration;
    EQUAL(Start(), 0);
    Tick(2000);
    EQUAL(Server().orders.size(), 2UL);
    Tick(2000, 1.0, 119 * MINUTE_MS);
    EQUAL(Server().orders.size(), 2UL);
    Tick(2000, 1.0, MINUTE_MS);
    CHECK(Server().orders.empty());
  }
}

CASE("expert: fixed lots are taken as asked while the limits allow") {
  Plain();
  Set({{"InpFixedLots", "0.25"}});
  EQUAL(Start(), 0);
  Tick(2005);
  NEAR(Server().positions[0].volume, 0.25);
  Reset();
  program::RenewGlobals();
  Plain();
  Set({{"InpFixedLots", "0.7"}, {"InpDailyLossPercent", "3"}});
  EQUAL(Start(), 0);
  Tick(2005);  // 0.7 lots would lose 350, 300 is the limit
  CHECK(Server().positions.empty());
  HOLDS(Doing(), "no volume: 300.00 may be lost");
}

CASE("expert: a stop nearer than the broker's level moves out, and the volume shrinks with it") {
  Plain();
  Gold().stops_level = 980;
  EQUAL(Start(), 0);
  Tick(2005);
  const auto &position = Server().positions[0];
  NEAR(position.sl - position.open, 12.01);  // (20 + 980 + 1) points and a fifth
  CHECK(position.volume < 0.05);
}

CASE("expert: nothing is entered twice in the pause") {
  Plain();
  Set({{"InpPauseS", "60"}});
  EQUAL(Start(), 0);
  Tick(2005);
  Tick(2011, 0.2);  // its stop
  CHECK(Server().positions.empty());
  HOLDS(Doing(), "a pause after the last entry");
  Tick(2011, 0.2, 60'000);
  EQUAL(Server().positions.size(), 1UL);
}

CASE("expert: without a range it does not trade") {
  Plain();
  Gold().bars.erase(PERIOD_H4);
  EQUAL(Start(), 0);
  Tick(2005);
  CHECK(Server().positions.empty());
  HOLDS(Doing(), "no range: 0 of 5 H4 bars are there; the sidecar is not asked");
}

CASE("expert: a broker's nonsense is said and not traded on") {
  Plain();
  EQUAL(Start(), 0);
  Gold().tick_value = 0;
  Tick(2005);
  HOLDS(Doing(), "XAUUSD: point");
  CHECK(Server().positions.empty());
}

static void Adding() {
  Plain();
  Set({{"InpAdding", "true"}, {"InpStop", "4000"}, {"InpOtherExtra", "0"}, {"InpDailyLossPercent", "50"}, {"InpMaxDrawdownPercent", "50"}, {"InpMultiply", "true"}});
  EQUAL(Start(), 0);
  Tick(2005);
}

CASE("expert: an added order moves stop and take of its whole side") {
  Adding();
  NEAR(Server().positions[0].volume, 0.01);
  NEAR(Server().positions[0].sl, 2045);
  Tick(2033.1);
  EQUAL(Server().positions.size(), 2UL);
  Tick(2033);
  const double average = (2005 + 2033.1) / 2;
  for (const auto &position : Server().positions) {
    NEAR(position.sl, 2073.1);
    NEAR(position.tp, std::round((average - 20) * 100) / 100);
  }
  Tick(2059.2);
  EQUAL(Server().positions.size(), 3UL);
  Tick(1990);  // the common take
  EQUAL(std::count_if(Server().deals.begin(), Server().deals.end(), [](const auto &deal) { return deal.reason == DEAL_REASON_TP; }), 3L);
}

CASE("expert: on a netting account an added order joins the one position, and the other side's order goes") {
  Open();
  Server().margin_mode = ACCOUNT_MARGIN_MODE_RETAIL_NETTING;
  Plain();
  Server().margin_mode = ACCOUNT_MARGIN_MODE_RETAIL_NETTING;
  Set({{"InpAdding", "true"}, {"InpStop", "4000"}, {"InpOtherExtra", "0"}, {"InpDailyLossPercent", "50"}, {"InpMaxDrawdownPercent", "50"}});
  EQUAL(Start(), 0);
  Tick(2005);
  Tick(2033.1);
  Tick(2033);
  EQUAL(Server().positions.size(), 1UL);
  NEAR(Server().positions[0].volume, 0.02);
  NEAR(Server().positions[0].sl, 2073.1);
  NEAR(Server().positions[0].open, (2005 + 2033.1) / 2);
}

CASE("expert: a netting account on which somebody else trades is left alone") {
  Plain();
  Server().margin_mode = ACCOUNT_MARGIN_MODE_RETAIL_NETTING;
  const ulong foreign = Foreigner();
  EQUAL(Start(), 0);
  Tick(2005);
  EQUAL(Server().positions.size(), 1UL);
  CHECK(Held(foreign) && Server().sent.empty());
  HOLDS(Doing(), "somebody else trades this symbol");
}

CASE("expert: an added order that would risk more than is left is not sent") {
  Plain();
  Set({{"InpAdding", "true"}, {"InpStop", "4000"}, {"InpOtherExtra", "0"}, {"InpDailyLossPercent", "1"}});
  EQUAL(Start(), 0);
  Tick(2005);
  Tick(2033.1);
  EQUAL(Server().positions.size(), 1UL);
  HOLDS(Doing(), "not added: 0.01 lots would risk");
}

CASE("expert: a buy side adds as well") {
  Plain();
  Set({{"InpAdding", "true"}, {"InpStop", "4000"}, {"InpOtherExtra", "0"}, {"InpDailyLossPercent", "50"}, {"InpMaxDrawdownPercent", "50"}});
  EQUAL(Start(), 0);
  Tick(1995);
  EQUAL(Server().positions[0].type, static_cast<int>(POSITION_TYPE_BUY));
  Tick(1966.9);
  Tick(1967);
  EQUAL(Server().positions.size(), 2UL);
  NEAR(Server().positions[0].sl, 1967.1 - 40);
}

CASE("expert: a position that lost its stop gets it back, or is closed where it cannot") {
  Sold();
  Server().positions[0].sl = 0;
  Tick(2005.5);
  NEAR(Server().positions[0].sl, 2010);
  Server().positions[0].tp = 0;
  Tick(2005.5);
  NEAR(Server().positions[0].tp, 1985);
  Server().positions[0].sl = 0;
  Tick(2012);
  CHECK(Server().positions.empty());
}

CASE("expert: a stop that the broker refuses to move is tried again later, not each tick") {
  Sold();
  Server().positions[0].sl = 0;
  const auto sent = Server().sent.size();
  Server().faults = {{TRADE_RETCODE_REJECT}, {TRADE_RETCODE_REJECT}};
  for (int at = 0; at < 4; ++at) Tick(2005.5);
  EQUAL(Server().sent.size(), sent + 1);
  HOLDS(LastLog(), "stop: refused (10006)");
  Tick(2005.5, 0.2, 5000);
  Tick(2005.5, 0.2, 5000);
  NEAR(Server().positions[0].sl, 2010);
}

CASE("expert: killed in the middle of an order, after the restart there is one position") {
  Plain();
  EQUAL(Start(), 0);
  Server().faults = {{10009, true, true}};
  bool killed = false;
  try {
    Tick(2005);
  } catch (const Killed &) {
    killed = true;
  }
  CHECK(killed);
  EQUAL(Restart(), 0);
  for (int at = 0; at < 30; ++at) Tick(2005);
  EQUAL(Server().positions.size(), 1UL);
  EQUAL(Server().sent.size(), 1UL);
}

CASE("expert: the daily loss closes what is ours and holds until the next server day and over a restart") {
  Plain();
  const ulong foreign = Foreigner();
  Set({{"InpDailyLossPercent", "1"}, {"InpRiskPercent", "10"}});
  EQUAL(Start(), 0);
  Tick(2005);
  CHECK(Lots() > 0);
  NEAR(Lots(), 0.2);  // 1 % is 100: no more may be lost at the stop
  Server().positions.back().sl = 0;  // the broker forgets it, and the market jumps
  Server().positions.back().tp = 0;
  Tick(2010.5);
  EQUAL(Lots(), 0.0);
  CHECK(Held(foreign));
  HOLDS(Doing(), "daily loss");
  EQUAL(Logged("has reached its limit 100.00; no more today"), 1);
  EQUAL(Restart(), 0);
  for (int at = 0; at < 5; ++at) Tick(2005 + at);
  EQUAL(Lots(), 0.0);
  HOLDS(Doing(), "before the restart");
  Tick(2005, 0.2, 18 * HOUR_MS + 58 * MINUTE_MS);  // 23:59
  EQUAL(Lots(), 0.0);
  Tick(2020, 0.2, 5 * HOUR_MS);
  CHECK(Lots() > 0);
  CHECK(Held(foreign));
}

CASE("expert: what is closed while the market is closed is tried again when it opens") {
  Plain();
  Set({{"InpDailyLossPercent", "1"}});
  EQUAL(Start(), 0);
  Tick(2005);
  Server().positions[0].sl = 0;
  Server().open = false;
  Tick(2020);
  EQUAL(Server().positions.size(), 1UL);
  const auto tries = Here().checks;
  Tick(2020);
  EQUAL(Here().checks, tries);
  Server().open = true;
  Tick(2020, 0.2, 6000);
  CHECK(Server().positions.empty());
}

CASE("expert: the daily profit ends the day as well") {
  Plain();
  Set({{"InpDailyProfitPercent", "1"}});
  EQUAL(Start(), 0);
  Tick(2005);
  Tick(1994.7);
  CHECK(Server().positions.empty());
  CHECK(Server().balance > 10'100);
  Tick(2010);
  CHECK(Server().positions.empty());
  HOLDS(Doing(), "daily profit");
}

CASE("expert: what was open overnight counts from the day's begin") {
  Plain();
  Set({{"InpDailyLossPercent", "1"}, {"InpStop", "2000"}, {"InpTake", "9000"}});
  EQUAL(Start(), 0);
  Tick(2005);  // 0.02 lots
  Tick(2020);
  CHECK(program::g_expert.LastRange().points > 0);
  Tick(2020, 0.2, 20 * HOUR_MS);
  Timer();
  HOLDS(Here().objects["Trifecta.5"][OBJPROP_TEXT], "today 0.00, 0 of 50 orders");
}

CASE("expert: a drawdown closes all, holds over days and restarts, and ends only when a person says so") {
  Plain();
  Set({{"InpMaxDrawdownPercent", "2"}, {"InpDailyLossPercent", "50"}});
  const ulong foreign = Foreigner();
  EQUAL(Start(), 0);
  Tick(2005);
  Server().positions[0].volume = 1;  // somebody else's loss counts: it is the account's equity
  Tick(1996);
  EQUAL(Lots(), 0.0);
  CHECK(Held(foreign));
  HOLDS(Doing(), "the drawdown limit was reached");
  Server().positions[0].volume = 0.01;
  Tick(2005, 0.2, 2 * DAY_MS);
  EQUAL(Restart(), 0);
  Tick(2005);
  Tick(2010);
  EQUAL(Lots(), 0.0);
  EQUAL(Logged("below its peak"), 1);
  SetInput("InpClearDrawdown", "true");
  EQUAL(Restart(), 0);
  Tick(2025);
  CHECK(Lots() > 0);
}

CASE("expert: orders a day and lots have caps") {
  Plain();
  Set({{"InpMaxOrdersADay", "2"}, {"InpRiskPercent", "10"}, {"InpDailyLossPercent", "50"}, {"InpMaxDrawdownPercent", "50"}, {"InpMaxLots", "0.3"}});
  EQUAL(Start(), 0);
  for (int at = 0; at < 10; ++at) {
    Tick(2005 + at * 6);
    CHECK(Lots() <= 0.3 + 1e-9);
  }
  HOLDS(Doing(), "2 orders today, as many as allowed");
  const auto entries = std::count_if(Server().deals.begin(), Server().deals.end(), [](const auto &deal) { return deal.entry == DEAL_ENTRY_IN; });
  EQUAL(entries, 2L);
}

CASE("expert: a halt removes entry orders, stops entries, holds over a restart without the sidecar, and ends with it") {
  FaultySidecar sidecar;
  Plain();
  Set({{"InpUseSidecar", "true"}, {"InpThreshold", "100"}});
  SetInput("InpUrl", sidecar.url);
  Here().allowed_urls = {sidecar.url};
  sidecar.Answer("/halt", {200, "{\"halted\":false}"});
  EQUAL(Start(), 0);
  Timer();
  Tick(2000);
  EQUAL(Server().orders.size(), 2UL);
  sidecar.Answer("/halt", {200, "{\"halted\":true,\"reason\":\"drill\"}"});
  for (int at = 0; at < 4; ++at) Timer();
  CHECK(Server().orders.empty());  // within a second, without a tick
  Tick(2000.1);
  CHECK(Server().orders.empty());
  EQUAL(Doing(), std::string("halted: drill"));
  HOLDS(Here().objects["Trifecta.4"][OBJPROP_TEXT], "halted: drill");
  sidecar.Answer("/halt", {500, ""});
  EQUAL(Restart(), 0);
  Timer();
  Tick(2000.1);
  HOLDS(Doing(), "halted: before the restart");
  sidecar.Answer("/halt", {200, "{\"halted\":false}"});
  for (int at = 0; at < 30; ++at) Timer();
  Tick(2000.1);
  EQUAL(Server().orders.size(), 2UL);
}

CASE("expert: an entry order that cannot be removed is tried again later") {
  Plain();
  SetInput("InpThreshold", "100");
  EQUAL(Start(), 0);
  Tick(2000);
  Server().faults = {{TRADE_RETCODE_REJECT}, {TRADE_RETCODE_REJECT}};
  Tick(2001.6);
  EQUAL(Server().orders.size(), 1UL);
  HOLDS(LastLog(), "but an entry order is still there: remove: refused (10006)");
  Tick(2001.6, 0.2, 5000);
  Tick(2001.6, 0.2, 5000);
  CHECK(Server().orders.empty());
}

CASE("expert: ticks are pushed and the range is asked, one request a timer") {
  FaultySidecar sidecar;
  Plain();
  Set({{"InpUseSidecar", "true"}, {"InpPush", "true"}});
  SetInput("InpUrl", sidecar.url);
  Here().allowed_urls = {sidecar.url};
  sidecar.Answer("/mt5", {200, "{}"});
  EQUAL(Start(), 0);
  for (int at = 0; at < 20; ++at) {
    const auto before = Here().requests.size();
    Timer();
    CHECK(Here().requests.size() - before <= 1);
  }
  CHECK(!sidecar.Seen("/mt5/ticks").empty() && !sidecar.Seen("/mt5/bars").empty() && !sidecar.Seen("/market-range/simple").empty());
}

// ------------------------------------------------------------------ weeks
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
