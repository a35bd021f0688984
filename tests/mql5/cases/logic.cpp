// Parameters.mqh, BoxLogic.mqh and Panel.mqh
#include "drive.hpp"

namespace mql5::cases {

static program::SBoxParameters Defaults() {
  program::SBoxParameters parameters;
  EQUAL(program::ReadInputs(parameters), string(""));
  return parameters;
}
// Monday, 05:00, in the middle of every box
static program::SView View(double bid = 2000, double range = 2800) {
  program::SView view{datetime((MONDAY_MS + 5 * HOUR_MS) / 1000), bid, bid + 0.2, 0.01, {range, program::RANGE_SIDECAR, 0, string("")}, false, 0, 2000.1, {2000.1, 2000.1, 2000.1}};
  return view;
}
static program::CBook &Book() {
  static program::CBook book;
  book.Init(string("XAUUSD"), 1);
  return book;
}
static std::string Why(const program::SBoxParameters &p, const program::SView &view) {
  const auto decision = program::Decide(p, view, Book());
  EQUAL(decision.action, program::ACTION_WAIT);
  return decision.why.utf8();
}

CASE("parameters: the defaults make sense") {
  Open();
  EQUAL(program::CheckParameters(Defaults()), string(""));
}

CASE("parameters: nonsense stops the start with name, value and what is expected") {
  const std::vector<std::tuple<const char *, const char *, const char *>> all = {
      {"InpUrl", "127.0.0.1:8000", "InpUrl must begin with http"},
      {"InpToken", "a b", "InpToken must not hold"},
      {"InpSidecarSymbol", "XAU USD", "InpSidecarSymbol = XAU USD"},
      {"InpSidecarSymbol", "123456789012345678901234567890123", "InpSidecarSymbol must have 1 to 32 letters"},
      {"InpTimeoutMs", "501", "InpTimeoutMs = 501: expected 50 to 500"},
      {"InpCacheMs", "10", "InpCacheMs = 10"},
      {"InpMaxAgeMs", "4999", "InpMaxAgeMs = 4999: expected 5000"},
      {"InpMaxBackoffMs", "1", "InpMaxBackoffMs = 1"},
      {"InpHorizonS", "59", "InpHorizonS = 59"},
      {"InpThreshold", "0", "InpThreshold = 0"},
      {"InpMaxRange", "0", "InpMaxRange = 0"},
      {"InpLastRangeS", "-1", "InpLastRangeS = -1"},
      {"InpMaxSpread", "0", "InpMaxSpread = 0"},
      {"InpStraddle", "-1", "InpStraddle = -1"},
      {"InpImbalance", "0", "InpImbalance = 0"},
      {"InpDayDistance", "-1", "a period's distance = -1"},
      {"InpDayOrders", "33", "a period's orders = 33"},
      {"InpNews", "8:30", "InpNews = 8:30: expected times"},
      {"InpNews", "24:00", "InpNews"},
      {"InpNews", "08:60", "InpNews"},
      {"InpNews", "08.30", "InpNews"},
      {"InpGaps", "1 two", "InpGaps = 1 two: expected numbers"},
      {"InpMultipliers", "1,2", "InpMultipliers"},
      {"InpTake", "0", "InpTake = 0"},
      {"InpStop", "0", "InpStop = 0"},
      {"InpRiskPercent", "11", "InpRiskPercent = 11: expected 0.01 to 10"},
      {"InpFixedLots", "2", "InpFixedLots = 2: expected 0 to 1"},
      {"InpMaxDrawdownPercent", "0", "InpMaxDrawdownPercent = 0"},
      {"InpDailyLossPercent", "0", "InpDailyLossPercent = 0"},
      {"InpMagic", "0", "InpMagic = 0"},
      {"InpSettleS", "0", "InpSettleS = 0"},
      {"InpMultiply", "true", "InpMultiply needs InpAdding"},
  };
  for (const auto &[name, value, reason] : all) {
    Reset();
    program::RenewGlobals();
    Open();
    SetInput(name, value);
    EQUAL(Start(), static_cast<int>(INIT_PARAMETERS_INCORRECT));
    HOLDS(LastLog(), std::string("ALERT Trifecta: ") + reason);
  }
}

CASE("parameters: adding needs a stop beyond the widest gap") {
  Open();
  Set({{"InpAdding", "true"}, {"InpStop", "3700"}});
  Start();
  HOLDS(LastLog(), "InpStop = 3700: with adding it must be more than the widest gap, 3700 points");
  SetInput("InpStop", "3701");
  EQUAL(Start(), 0);
  SetInput("InpGaps", "");
  EQUAL(Start(), static_cast<int>(INIT_PARAMETERS_INCORRECT));
  SetInput("InpGaps", "0 5");
  Start();
  HOLDS(LastLog(), "a gap = 0");
  Set({{"InpGaps", "2000  1800"}, {"InpMultiply", "true"}, {"InpMultipliers", "4"}});
  Start();
  HOLDS(LastLog(), "a multiplier = 4: expected 1 to 3");
}

CASE("parameters: lists have a bound") {
  Open();
  SetInput("InpGaps", "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1");
  EQUAL(Start(), static_cast<int>(INIT_PARAMETERS_INCORRECT));
}

CASE("parameters: without the sidecar its settings do not matter") {
  Open();
  Set({{"InpUseSidecar", "false"}, {"InpPush", "false"}, {"InpUrl", "nowhere"}});
  EQUAL(Start(), 0);
}

CASE("logic: the parts of the day") {
  const auto p = Defaults();
  for (const auto &[hour, period] : std::map<int, int>{{0, 0}, {2, 0}, {3, 3}, {10, 3}, {11, 1}, {16, 1}, {17, 2}, {20, 2}, {21, 3}, {23, 3}}) EQUAL(program::PeriodAt(p, hour), period);
  NEAR(program::EntryDistance(p, View(), 5), 900 + 28);
  NEAR(program::EntryDistance(p, View(), 12), 9000 + 28);
  NEAR(program::EntryDistance(p, View(), 1), 3000 + 28);
  NEAR(program::EntryDistance(p, View(), 18), 6000 + 28);
}

CASE("logic: from Friday evening to Monday morning nothing is entered") {
  const auto p = Defaults();
  const auto at = [&](int day, int hour) {
    auto view = View();
    view.time = datetime((MONDAY_MS + day * DAY_MS + hour * HOUR_MS) / 1000);
    return Why(p, view);
  };
  HOLDS(at(0, 1), "weekend");
  HOLDS(at(0, 2), "no box");
  HOLDS(at(4, 19), "no box");
  HOLDS(at(4, 20), "weekend");
  HOLDS(at(5, 12), "weekend");
  HOLDS(at(6, 12), "weekend");
}

CASE("logic: half an hour around news nothing is entered") {
  auto p = Defaults();
  const auto at = [&](int hour, int minute) {
    auto view = View();
    view.time = datetime(MONDAY_MS / 1000 + hour * 3600 + minute * 60 + 59);
    return Why(p, view).find("news") != std::string::npos;
  };
  CHECK(!at(7, 59) && at(8, 0) && at(9, 0) && !at(9, 1) && at(10, 30) && at(13, 30) && at(15, 30) && !at(15, 31));
  p.news[0] = 5;
  CHECK(at(2, 40) == false);
  auto late = View();
  late.time = datetime(MONDAY_MS / 1000 + 23 * 3600 + 40 * 60);
  HOLDS(Why(p, late), "news");  // five past midnight is near
}

CASE("logic: a wide spread and a missing range forbid entries") {
  const auto p = Defaults();
  auto view = View();
  view.ask = view.bid + 3.69;
  HOLDS(Why(p, view), "no box");
  view.ask = view.bid + 3.70;
  HOLDS(Why(p, view), "the spread is 370 points, at most 369");
  view = View();
  view.range.source = program::RANGE_NONE;
  view.range.detail = string("3 of 5 H4 bars are there");
  HOLDS(Why(p, view), "no range: 3 of 5");
}

CASE("logic: a range above the threshold places both stop orders, at least the entry distance away") {
  const auto p = Defaults();
  auto decision = program::Decide(p, View(2000, 15'001), Book());
  EQUAL(decision.action, program::ACTION_STRADDLE);
  NEAR(decision.offset, 900 + 150.01);
  auto near = p;
  near.periods[3].distance = 0;
  near.range_share = 0;
  NEAR(program::Decide(near, View(2000, 15'001), Book()).offset, 150);
  EQUAL(program::Decide(p, View(2000, 15'000), Book()).action, program::ACTION_WAIT);
}

CASE("logic: an imbalance decides the side, once the price is far enough from the box") {
  const auto p = Defaults();
  auto view = View(2009.29);
  view.imbalance_known = true;
  view.imbalance = 0.05;
  EQUAL(program::Decide(p, view, Book()).action, program::ACTION_BUY);
  view.imbalance = -0.05;
  EQUAL(program::Decide(p, view, Book()).action, program::ACTION_SELL);
  view.imbalance = 0.049;
  EQUAL(program::Decide(p, view, Book()).action, program::ACTION_SELL);  // reversion
  view.imbalance = 0.05;
  view.bid = 2009.27;
  view.ask = 2009.47;
  HOLDS(Why(p, view), "imbalance 0.050, but only 927 of 928 points");
  view.boxes[0] = 0;
  HOLDS(Why(p, view), "imbalance");
}

CASE("logic: reversion trades towards the first box that is far enough") {
  const auto p = Defaults();
  EQUAL(program::Decide(p, View(2009.29), Book()).action, program::ACTION_SELL);
  EQUAL(program::Decide(p, View(1990.71), Book()).action, program::ACTION_BUY);
  HOLDS(Why(p, View(2009.27)), "no box is 928 points away");
  auto view = View(2000);
  view.boxes[0] = 0;
  view.boxes[2] = 2020;
  HOLDS(program::Decide(p, view, Book()).why.utf8(), "box 3");
  auto near = p;
  near.periods[3].distance = 0;
  near.range_share = 0;
  EQUAL(program::Decide(near, View(2001.99), Book()).action, program::ACTION_WAIT);
  EQUAL(program::Decide(near, View(2002.01), Book()).action, program::ACTION_SELL);
}

CASE("logic: without a box far away the day's way is followed") {
  const auto p = Defaults();
  auto view = View(2000);
  view.day_open = 1990;
  EQUAL(program::Decide(p, view, Book()).action, program::ACTION_BUY);
  view.day_open = 2010;
  EQUAL(program::Decide(p, view, Book()).action, program::ACTION_SELL);
  view.day_open = 0;
  HOLDS(Why(p, view), "no box");
  view.day_open = 2000;
  HOLDS(Why(p, view), "no box");
}

CASE("logic: gaps and multipliers are the original's, and stay at their last") {
  auto p = Defaults();
  const double gaps[] = {2800, 2600, 2400, 2200, 2100, 2000, 1900, 1800, 1700, 1600, 1500, 1500, 1500, 2000, 2000, 2000, 2000, 2000};
  for (int order = 2; order < 20; ++order) NEAR(program::GapOf(p, order, 5), gaps[order - 2] + 100);
  NEAR(program::GapOf(p, 2, 12), 2800 + 900);
  p.least_gap = 2500;
  NEAR(program::GapOf(p, 5, 5), 2600);
  NEAR(program::FactorOf(p, 5), 1);
  p.multiply = true;
  NEAR(program::FactorOf(p, 1), 1);
  NEAR(program::FactorOf(p, 2), 1.2);
  NEAR(program::FactorOf(p, 5), 1.2 * 1.2 * 1.2 * 1.5);
  NEAR(program::FactorOf(p, 17) / program::FactorOf(p, 16), 2.2);
}

CASE("logic: adding needs its gap, room, and no order flow against it") {
  auto p = Defaults();
  p.adding = true;
  program::SSide side;
  program::ClearSide(side);
  program::AddEntry(side, 2000, 0.1, datetime(1));
  const auto add = [&](double ask, bool buy = true, double range = 2800, double imbalance = 0, int hour = 5) {
    auto view = View(buy ? ask - 0.2 : ask, range);
    view.imbalance_known = true;
    view.imbalance = imbalance;
    return program::AddTo(p, view, side, buy, hour).action;
  };
  EQUAL(add(1971.01), program::ACTION_WAIT);
  EQUAL(add(1970.99), program::ACTION_ADD_BUY);
  EQUAL(add(2029.01, false), program::ACTION_ADD_SELL);
  EQUAL(add(2028.99, false), program::ACTION_WAIT);
  EQUAL(add(1970, true, 5000, -0.06), program::ACTION_WAIT);
  EQUAL(add(1970, true, 4999, -0.06), program::ACTION_ADD_BUY);
  EQUAL(add(1970, true, 5000, -0.05), program::ACTION_ADD_BUY);
  EQUAL(add(1970, true, 5000, 0.06), program::ACTION_ADD_BUY);
  EQUAL(add(2030, false, 5000, 0.06), program::ACTION_WAIT);
  program::AddEntry(side, 2060, 0.1, datetime(2));
  EQUAL(add(1986, true), program::ACTION_WAIT);  // far from the newest, near to the other
  for (int at = 0; at < 4; ++at) program::AddEntry(side, 2000, 0.1, datetime(3));
  EQUAL(add(1900), program::ACTION_WAIT);  // six are as many as allowed
}

CASE("logic: stop and take of a side come from its newest entry and its average") {
  const auto p = Defaults();
  program::SSide side;
  program::ClearSide(side);
  program::AddEntry(side, 2000, 0.1, datetime(1));
  program::AddEntry(side, 1970, 0.2, datetime(2));
  NEAR(side.average, 1980);
  NEAR(program::SideTake(p, side, true, 0.01), 2000);
  NEAR(program::SideStop(p, side, true, 0.01), 1965);
  NEAR(program::SideTake(p, side, false, 0.01), 1960);
  NEAR(program::SideStop(p, side, false, 0.01), 1975);
}

CASE("panel: lines are drawn once for each change, and go with the expert") {
  program::CPanel panel;
  panel.Init(true);
  EQUAL(Here().objects.size(), static_cast<std::size_t>(PANEL_LINES));
  panel.Show(0, string("hello"), clrWhite);
  panel.Show(0, string("hello"), clrWhite);
  panel.Show(1, string(""), clrWhite);
  panel.Show(99, string("nowhere"), clrWhite);
  panel.Draw();
  EQUAL(Here().objects["Trifecta.0"][OBJPROP_TEXT], std::string("hello"));
  panel.Remove();
  CHECK(Here().objects.empty());
  panel.Init(false);
  panel.Show(0, string("hello"), clrWhite);
  CHECK(Here().objects.empty());
}

}  // namespace mql5::cases
