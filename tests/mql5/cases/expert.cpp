// RiskGuard.mqh, BoxExpert.mqh and BoxEA.mq5: the whole expert on a market
#include "plain.hpp"

namespace mql5::cases {

// The box of M15 is 1998 to 2002: 2005 is far enough above its middle to sell, 1995 to buy.
static void Sold() {
  Plain();
  EQUAL(Start(), 0);
  Tick(2005);
  EQUAL(Server().positions.size(), 1UL);
  EQUAL(Server().positions[0].type, static_cast<int>(POSITION_TYPE_SELL));
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

}  // namespace mql5::cases
