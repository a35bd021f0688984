// Store.mqh, Book.mqh and OrderGate.mqh
#include "world.hpp"

namespace mql5::cases {

inline constexpr ulong OURS = 42;

struct Gate {
  program::COrderGate gate;
  program::CBook book;
  Gate() {
    gate.Init(string("XAUUSD"), OURS, 30, 3, 10);
    book.Init(string("XAUUSD"), OURS);
  }
  int Enter(ENUM_ORDER_TYPE type = ORDER_TYPE_BUY, double volume = 0.1, double price = 0) {
    const int result = gate.Enter({type, volume, price, 500, 2000, 120});
    book.Scan();
    return result;
  }
  std::string Closed() {
    string why;
    return gate.Open(why) ? "" : why.utf8();
  }
};
static ulong Foreign(int type = ORDER_TYPE_BUY, const std::string &symbol = "XAUUSD") {
  MqlTradeRequest request{};
  MqlTradeResult result{};
  request.action = TRADE_ACTION_DEAL;
  request.symbol = string(symbol);
  request.volume = 0.5;
  request.type = static_cast<ENUM_ORDER_TYPE>(type);
  request.type_filling = ORDER_FILLING_IOC;
  request.magic = 7;
  CHECK(Server().Send(request, result));
  return result.order;
}

CASE("gate: an entry bears price, stop and take on the broker's side, in ticks") {
  Open();
  Gate gate;
  EQUAL(gate.Enter(), static_cast<int>(program::GATE_DONE));
  EQUAL(gate.Enter(ORDER_TYPE_SELL), static_cast<int>(program::GATE_DONE));
  const auto &buy = Server().positions[0], &sell = Server().positions[1];
  NEAR(buy.open, 2000.2);
  NEAR(buy.sl, 1995.2);
  NEAR(buy.tp, 2020.2);
  NEAR(sell.open, 2000.0);
  NEAR(sell.sl, 2005.0);
  NEAR(sell.tp, 1980.0);
  EQUAL(buy.magic, OURS);
  EQUAL(Here().checks, 2L);
}

CASE("gate: stop orders bear their life, where the broker knows one") {
  Open();
  Gate gate;
  EQUAL(gate.Enter(ORDER_TYPE_BUY_STOP, 0.1, 2010.004), static_cast<int>(program::GATE_DONE));
  NEAR(Server().orders[0].price, 2010.0);
  NEAR(Server().orders[0].sl, 2005.0);
  EQUAL(static_cast<long>(Server().orders[0].expiration), Server().now_ms / 1000 + 7200);
  Gold().expiration = SYMBOL_EXPIRATION_GTC;
  EQUAL(gate.Enter(ORDER_TYPE_SELL_STOP, 0.1, 1990), static_cast<int>(program::GATE_DONE));
  EQUAL(static_cast<long>(Server().orders[1].expiration), 0L);
}

CASE("gate: prices fall on the broker's tick") {
  Open(2000.25, 0.25);
  Gold().tick_size = 0.25;
  Gate gate;
  EQUAL(gate.gate.Enter({ORDER_TYPE_BUY, 0.1, 0, 510, 2010, 120}), program::GATE_DONE);
  NEAR(Server().positions[0].sl, 1995.5);
  NEAR(Server().positions[0].tp, 2020.5);
}

CASE("gate: each return code has its class") {
  const std::map<program::ENUM_GATE_RESULT, std::vector<uint>> classes = {
      {program::GATE_DONE, {10008, 10009, 10010, 10025}},
      {program::GATE_AGAIN, {10004, 10020, 10021}},
      {program::GATE_UNKNOWN, {0, 10012, 10031}},
      {program::GATE_FILLING, {10030}},
      {program::GATE_STOPPED, {10017, 10018, 10019, 10024, 10026, 10027, 10028, 10032, 10033, 10034, 10040, 10042, 10043, 10044}},
      {program::GATE_REFUSED, {10006, 10007, 10011, 10013, 10014, 10015, 10016, 10022, 10023, 10029, 10035, 10036, 10038, 10039, 10041, 10045, 4756}},
  };
  for (const auto &[judged, codes] : classes) {
    for (const uint code : codes) EQUAL(program::JudgeRetcode(code), judged);
  }
}

CASE("gate: a price that moved is tried again, a bounded number of times") {
  for (const uint code : {10004U, 10020U, 10021U}) {
    Reset();
    Open();
    Gate gate;
    Server().faults = {{code}, {code}};
    EQUAL(gate.Enter(), static_cast<int>(program::GATE_DONE));
    EQUAL(Server().sent.size(), 3UL);
    EQUAL(Server().positions.size(), 1UL);
    Server().faults = {{code}, {code}, {code}, {code}};
    EQUAL(gate.Enter(), static_cast<int>(program::GATE_REFUSED));
    EQUAL(Server().sent.size(), 6UL);
    HOLDS(gate.Closed(), "paused: entry:");
  }
}

CASE("gate: what stops trading stops it for a while, a closed market for longer") {
  for (const auto &[code, pause] : std::map<uint, long>{{10019, 60'000}, {10017, 60'000}, {10026, 60'000}, {10018, 300'000}, {10006, 60'000}, {10014, 60'000}, {10040, 60'000}}) {
    Reset();
    Open();
    Gate gate;
    Server().faults = {{code}};
    CHECK(gate.Enter() != program::GATE_DONE);
    EQUAL(Server().sent.size(), 1UL);
    Pass(pause - 1);
    HOLDS(gate.Closed(), std::to_string(code));
    Pass(1);
    EQUAL(gate.Closed(), std::string());
  }
}

CASE("gate: the broker's own refusals reach no position: closed market, no money, trading off, wrong volume") {
  const std::vector<std::pair<void (*)(), const char *>> all = {
      {[] { Server().open = false; }, "the market is closed (10018)"},
      {[] { Server().balance = 10; }, "not enough money (10019)"},
      {[] { Gold().mode = SYMBOL_TRADE_MODE_DISABLED; }, "trading is disabled (10017)"},
      {[] { Gold().mode = SYMBOL_TRADE_MODE_CLOSEONLY; }, "(10044)"},
      {[] { Gold().mode = SYMBOL_TRADE_MODE_SHORTONLY; }, "(10043)"},
      {[] { Gold().volume_step = 0.03; }, "invalid volume (10014)"},
      {[] { Server().expert_allowed = false; }, "off in the terminal (10027)"},
      {[] { Server().account_allowed = false; }, "off at the broker (10026)"},
      {[] { Gold().filling = 0; }, "no filling mode fits (10030)"},
  };
  for (const auto &[change, reason] : all) {
    Reset();
    Open();
    Gate gate;
    change();
    CHECK(gate.Enter() != program::GATE_DONE);
    CHECK(Server().positions.empty());
    HOLDS(gate.gate.Error().utf8(), reason);
    EQUAL(Logged("Trifecta: entry: "), 1);
  }
}

CASE("gate: stops nearer than the stops level are refused before they are sent") {
  Open();
  Gold().stops_level = 480;
  Gate gate;
  EQUAL(gate.Enter(), static_cast<int>(program::GATE_REFUSED));
  HOLDS(gate.gate.Error().utf8(), "stop 500 and take 2000 must be at least 501 points away");
  CHECK(Server().sent.empty());
  Gold().stops_level = 479;
  Pass(60'000);
  EQUAL(gate.Enter(), static_cast<int>(program::GATE_DONE));
}

CASE("gate: every filling mode that the symbol allows is tried") {
  struct Kind {
    int filling, execution;
    ENUM_ORDER_TYPE_FILLING used;
  };
  for (const Kind &kind : {Kind{SYMBOL_FILLING_FOK, SYMBOL_TRADE_EXECUTION_MARKET, ORDER_FILLING_FOK}, Kind{SYMBOL_FILLING_IOC, SYMBOL_TRADE_EXECUTION_MARKET, ORDER_FILLING_IOC},
                           Kind{0, SYMBOL_TRADE_EXECUTION_EXCHANGE, ORDER_FILLING_RETURN}, Kind{3, SYMBOL_TRADE_EXECUTION_MARKET, ORDER_FILLING_FOK}}) {
    Reset();
    Open();
    Gold().filling = kind.filling;
    Gold().execution = kind.execution;
    Gate gate;
    EQUAL(gate.Enter(), static_cast<int>(program::GATE_DONE));
    EQUAL(Server().sent.back().type_filling, kind.used);
  }
  Reset();
  Open();
  Gold().filling = 3;
  Gate gate;
  Server().faults = {{TRADE_RETCODE_INVALID_FILL}};
  EQUAL(gate.Enter(), static_cast<int>(program::GATE_DONE));
  EQUAL(Server().sent.back().type_filling, ORDER_FILLING_IOC);
  EQUAL(Server().positions.size(), 1UL);
}

CASE("gate: of an order without an answer nothing is doubled") {
  for (const uint code : {10012U, 10031U}) {
    Reset();
    Open();
    Gate gate;
    Server().faults = {{code, true}};
    EQUAL(gate.Enter(), static_cast<int>(program::GATE_UNKNOWN));
    EQUAL(Server().positions.size(), 1UL);
    EQUAL(gate.Closed(), std::string());  // it was found at once
    EQUAL(Logged("an order without an answer was carried out"), 1);
    EQUAL(Server().sent.size(), 1UL);
  }
}

CASE("gate: an order that never arrived is waited for, then forgotten") {
  Open();
  Gate gate;
  Server().faults = {{10012}};
  EQUAL(gate.Enter(), static_cast<int>(program::GATE_UNKNOWN));
  HOLDS(gate.Closed(), "waiting to learn what became of an order");
  CHECK(!gate.gate.MayClose());
  Pass(9999);
  HOLDS(gate.Closed(), "waiting");
  Pass(1001);
  EQUAL(gate.Closed(), std::string());
  EQUAL(Logged("was not carried out"), 1);
  EQUAL(gate.Enter(), static_cast<int>(program::GATE_DONE));
  EQUAL(Server().positions.size(), 1UL);
}

CASE("gate: an accepted order is not tried again before the terminal shows it") {
  Open();
  Gate gate;
  EQUAL(gate.Enter(), static_cast<int>(program::GATE_DONE));
  const auto shown = Server().past_orders;
  Server().past_orders.clear();  // the terminal's lists lag behind the answer
  HOLDS(gate.Closed(), "waiting");
  Server().past_orders = shown;
  EQUAL(gate.Closed(), std::string());
  EQUAL(Logged("without an answer"), 0);
}

CASE("gate: killed in the middle of an order, a restart finds it and sends no second one") {
  for (const bool executed : {true, false}) {
    for (const auto type : {ORDER_TYPE_BUY, ORDER_TYPE_SELL_STOP}) {
      Reset();
      Open();
      {
        Gate before;
        Server().faults = {{10009, executed, true}};
        if (!executed) Server().faults = {{10012, false, true}};
        bool killed = false;
        try {
          before.Enter(type, 0.1, 1990);
        } catch (const Killed &) {
          killed = true;
        }
        CHECK(killed);
      }
      Pass(3000);
      Gate after;
      const std::string closed = after.Closed();
      EQUAL(closed.empty(), executed);
      if (!executed) HOLDS(closed, "waiting to learn");
      Pass(10'000);
      EQUAL(after.Closed(), std::string());
      EQUAL(Server().positions.size() + Server().orders.size(), executed ? 1UL : 0UL);
      EQUAL(Logged(executed ? "was carried out" : "was not carried out"), 1);
    }
  }
}

CASE("gate: nothing is sent where trading is not allowed") {
  const std::vector<std::pair<void (*)(), const char *>> all = {
      {[] { Server().connected = false; }, "not connected"},
      {[] { Server().expert_allowed = false; }, "off in the terminal"},
      {[] { Here().program_allowed = false; }, "off in the terminal"},
      {[] { Server().account_allowed = false; }, "off at the broker"},
  };
  for (const auto &[change, reason] : all) {
    Reset();
    Open();
    Gate gate;
    change();
    HOLDS(gate.Closed(), reason);
  }
}

CASE("gate: an answer in part is a position of that part") {
  Open();
  Gate gate;
  Server().faults = {{TRADE_RETCODE_DONE_PARTIAL, true}};
  EQUAL(gate.Enter(), static_cast<int>(program::GATE_DONE));
  EQUAL(gate.book.buys.positions, 1);
}

CASE("gate: closing works on the other side, is tried again, and may find it closed") {
  Open();
  Gate gate;
  gate.Enter();
  gate.Enter(ORDER_TYPE_SELL);
  Server().faults = {{10004}};
  EQUAL(gate.gate.Close(Server().positions[0].ticket, true, 0.1), program::GATE_DONE);
  EQUAL(Server().positions.size(), 1UL);
  EQUAL(gate.gate.Close(Server().positions[0].ticket, false, 0.1), program::GATE_DONE);
  CHECK(Server().positions.empty());
  EQUAL(gate.gate.Close(4711, true, 0.1), program::GATE_DONE);
  CHECK(Server().positions.empty());
  gate.Enter();
  Server().open = false;
  EQUAL(gate.gate.Close(Server().positions[0].ticket, true, 0.1), program::GATE_STOPPED);
  CHECK(!gate.gate.MayClose());
  Pass(5000);
  CHECK(gate.gate.MayClose());
}

CASE("gate: stops move and orders go, and refusals are told") {
  Open();
  Gate gate;
  gate.Enter();
  const ulong ticket = Server().positions[0].ticket;
  EQUAL(gate.gate.Move(ticket, 1990, 2030), program::GATE_DONE);
  NEAR(Server().positions[0].sl, 1990);
  EQUAL(gate.gate.Move(ticket, 1990, 2030), program::GATE_DONE);  // no change
  EQUAL(gate.gate.Move(ticket, 2001, 2030), program::GATE_REFUSED);
  HOLDS(gate.gate.Error().utf8(), "invalid stops (10016)");
  gate.Enter(ORDER_TYPE_BUY_STOP, 0.1, 2010);
  EQUAL(gate.gate.Remove(Server().orders[0].ticket), program::GATE_DONE);
  CHECK(Server().orders.empty());
  EQUAL(gate.gate.Remove(4711), program::GATE_REFUSED);
}

CASE("gate: codes have names for people") {
  for (const auto &[code, name] : std::map<uint, const char *>{{10004, "requote"}, {10012, "no answer in time"}, {10014, "invalid volume"}, {10015, "invalid price"},
                                                              {10016, "invalid stops"}, {10018, "the market is closed"}, {10019, "not enough money"}, {10031, "no connection to the server"},
                                                              {10006, "refused"}})
    EQUAL(program::RetcodeName(code), string(name));
}

CASE("book: sides are counted, foreign positions and orders are left out") {
  Open();
  SimSymbol silver = Gold();
  silver.name = "XAGUSD";
  Server().symbols["XAGUSD"] = silver;
  Gate gate;
  Foreign();
  Foreign(ORDER_TYPE_SELL, "XAGUSD");
  gate.Enter();
  Price(1990);
  gate.Enter(ORDER_TYPE_BUY, 0.3);
  gate.Enter(ORDER_TYPE_SELL_STOP, 0.2, 1980);
  auto &buys = gate.book.buys;
  EQUAL(buys.count, 1);  // the first one met its stop
  NEAR(buys.newest_price, 1990.2);
  EQUAL(gate.book.sells.count, 0);
  EQUAL(gate.book.pending_count, 1);
  NEAR(gate.book.Lots(), 0.5);
  CHECK(!gate.book.foreign && !gate.book.Flat());
  EQUAL(Server().positions.size(), 3UL);
}

CASE("book: a hedging account's side has its average, ends and newest entry") {
  Open();
  Gate gate;
  gate.Enter(ORDER_TYPE_SELL, 0.1);
  Price(2003);
  gate.Enter(ORDER_TYPE_SELL, 0.3);
  const auto &sells = gate.book.sells;
  EQUAL(sells.count, 2);
  NEAR(sells.average, (2000 * 0.1 + 2003 * 0.3) / 0.4);
  NEAR(sells.highest, 2003);
  NEAR(sells.lowest, 2000);
  NEAR(sells.first_volume, 0.1);
  NEAR(gate.book.floating, (2000 - 2003.2) * 100 * 0.1 - 0.2 * 100 * 0.3);
}

CASE("book: a netting account's one position counts its entries") {
  Open();
  Server().margin_mode = ACCOUNT_MARGIN_MODE_RETAIL_NETTING;
  Gate gate;
  gate.Enter(ORDER_TYPE_BUY, 0.1);
  Price(1998);
  gate.Enter(ORDER_TYPE_BUY, 0.3);
  CHECK(!gate.book.Hedging());
  EQUAL(Server().positions.size(), 1UL);
  EQUAL(gate.book.buys.positions, 1);
  EQUAL(gate.book.buys.count, 2);
  NEAR(gate.book.buys.average, (2000.2 * 0.1 + 1998.2 * 0.3) / 0.4);
  NEAR(gate.book.buys.newest_price, 1998.2);
  NEAR(gate.book.buys.first_volume, 0.1);
  CHECK(!gate.book.foreign);
}

CASE("book: on a netting account somebody else's position or order is noticed") {
  Open();
  Server().margin_mode = ACCOUNT_MARGIN_MODE_RETAIL_NETTING;
  Gate gate;
  Foreign();
  gate.book.Scan();
  CHECK(gate.book.foreign && gate.book.Flat());
  Server().positions.clear();
  Server().orders.push_back({1, "XAUUSD", ORDER_TYPE_BUY_STOP, 0.1, 2100, 0, 0, 7, "", 0, 0, 0, 0, 0});
  gate.book.Scan();
  CHECK(gate.book.foreign && gate.book.pending_count == 0);
}

CASE("book: more than it holds does no harm") {
  Open();
  Gate gate;
  for (ulong at = 0; at < 200; ++at) {
    Server().positions.push_back({at + 1, "XAUUSD", POSITION_TYPE_BUY, 0.01, 2000, 1995, 2020, 0, OURS, "", 0});
    Server().orders.push_back({at + 1000, "XAUUSD", ORDER_TYPE_BUY_STOP, 0.01, 2100, 0, 0, OURS, "", 0, 0, 0, 0, 0});
  }
  gate.book.Scan();
  EQUAL(gate.book.buys.positions, MAX_TICKETS);
  EQUAL(gate.book.buys.count, 200);
  EQUAL(gate.book.pending_count, MAX_TICKETS);
}

}  // namespace mql5::cases
