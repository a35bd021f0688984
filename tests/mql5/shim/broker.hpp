// A broker: an account, its symbols, orders, positions and deals, and what a price does to them.
#pragma once
#include <deque>
#include <optional>

#include "constants.hpp"

namespace mql5 {

inline constexpr long DAY_MS = 86'400'000;

struct SimSymbol {
  std::string name;
  int digits = 2;
  double point = 0.01, tick_size = 0.01, tick_value = 1, contract = 100;  // tick_value: of one lot, in account money
  double volume_min = 0.01, volume_max = 100, volume_step = 0.01, volume_limit = 0;
  int stops_level = 0, freeze_level = 0;
  int filling = SYMBOL_FILLING_IOC, execution = SYMBOL_TRADE_EXECUTION_MARKET, mode = SYMBOL_TRADE_MODE_FULL;
  int expiration = SYMBOL_EXPIRATION_GTC | SYMBOL_EXPIRATION_DAY | SYMBOL_EXPIRATION_SPECIFIED;
  double commission = 0;                // of one lot and one deal
  double swap_long = 0, swap_short = 0;  // of one lot and one night
  double bid = 0, ask = 0;
  std::map<int, std::vector<MqlRates>> bars;
  std::vector<MqlTick> ticks;
};

struct SimPosition {
  ulong ticket;
  std::string symbol;
  int type;
  double volume, open, sl, tp, swap;
  ulong magic;
  std::string comment;
  long time_ms;
};

struct SimOrder {
  ulong ticket;
  std::string symbol;
  int type;
  double volume, price, sl, tp;
  ulong magic;
  std::string comment;
  long setup_ms, done_ms;
  datetime expiration;
  int state;
  ulong position;
};

struct SimDeal {
  ulong ticket, order, position;
  std::string symbol;
  int type, entry, reason;
  double volume, price, commission, swap, profit;
  ulong magic;
  std::string comment;
  long time_ms;
};

// What the next requests meet: a return code, after the order was carried out or instead of it.
struct Fault {
  uint retcode;
  bool executed = false;
  bool killed = false;  // the program dies while the answer is on its way
};
struct Killed {};

class Broker {
 public:
  std::map<std::string, SimSymbol> symbols;
  std::vector<SimPosition> positions;
  std::vector<SimOrder> orders, past_orders;
  std::vector<SimDeal> deals;
  std::vector<MqlTradeRequest> sent;
  std::deque<Fault> faults;
  long now_ms = 1'700'000'000'000;
  double balance = 10'000, leverage = 100, stop_out_level = 0.5;
  ENUM_ACCOUNT_MARGIN_MODE margin_mode = ACCOUNT_MARGIN_MODE_RETAIL_HEDGING;
  bool open = true, connected = true, expert_allowed = true, account_allowed = true;
  bool events = false;  // a trade happened that the program has not been told
  double rejected_price = 0;

  SimSymbol *Find(const std::string &name);
  SimSymbol &Of(const std::string &name);
  void Tick(const std::string &symbol, long time_ms, double bid, double ask);

  double Profit(const SimPosition &position);
  double Margin();
  double Equity();
  uint Check(const MqlTradeRequest &request);
  bool Send(const MqlTradeRequest &request, MqlTradeResult &result);

 private:
  ulong next_ticket_ = 1000;

  uint CheckPlacing(const MqlTradeRequest &request, SimSymbol &symbol);
  uint CheckPrices(const MqlTradeRequest &request, const SimSymbol &symbol);
  uint CheckFilling(const MqlTradeRequest &request, const SimSymbol &symbol);
  uint CheckMode(const MqlTradeRequest &request, const SimSymbol &symbol);
  uint CheckStops(const MqlTradeRequest &request);
  void Carry(const MqlTradeRequest &request, MqlTradeResult &result);
  void Market(const MqlTradeRequest &request, MqlTradeResult &result);
  void Deal(const SimOrder &order, double price, int reason);
  void Net(const SimOrder &order, double price, int reason);
  void Reduce(std::size_t index, double volume, double price, ulong order, int reason, int entry, const std::string &comment);
  ulong Book(const SimDeal &deal);
  void Retire(SimOrder order, int state);
  void Roll(long before_ms);
  void Bars(SimSymbol &symbol, long time_ms, double bid, double ask);
  void Expire();
  void Activate(const std::string &symbol);
  void Trigger(const std::string &symbol);
  void StopOut();
};

bool IsMultiple(double value, double step);
bool IsBuy(int order_type);

}  // namespace mql5
