#include "terminal.hpp"

#include <chrono>

namespace mql5 {

namespace {
Broker &Server() { return Here().broker; }
SimSymbol *Known(const string &name) {
  SimSymbol *symbol = Server().Find(name.utf8());
  if (!symbol) SetError(ERR_MARKET_UNKNOWN_SYMBOL);
  return symbol;
}
template <class T> const T *ByTicket(const std::vector<T> &items, ulong ticket) {
  for (const auto &item : items) {
    if (item.ticket == ticket) return &item;
  }
  return nullptr;
}
long OrderInteger(const SimOrder &order, ENUM_ORDER_PROPERTY_INTEGER property) {
  switch (property) {
    case ORDER_TICKET: return static_cast<long>(order.ticket);
    case ORDER_TIME_SETUP: return order.setup_ms / 1000;
    case ORDER_TIME_DONE: return order.done_ms / 1000;
    case ORDER_TYPE: return order.type;
    case ORDER_MAGIC: return static_cast<long>(order.magic);
    case ORDER_STATE: return order.state;
    case ORDER_TIME_EXPIRATION: return order.expiration;
    default: return static_cast<long>(order.position);
  }
}
}  // namespace

Terminal &Here() {
  static Terminal terminal;
  return terminal;
}
void Reset() {
  Here() = Terminal{};
  Run() = Runtime{};
}

string ChartSymbol() { return string(Here().chart); }
SimSymbol &Chart() { return Server().Of(Here().chart); }
int PeriodSeconds(ENUM_TIMEFRAMES timeframe) {
  const int period = timeframe == PERIOD_CURRENT ? Here().period : timeframe;
  return period >= PERIOD_H1 ? (period - 16384) * 3600 : period * 60;
}

// ------------------------------------------------------------------ time
datetime TimeCurrent() { return datetime(Server().now_ms / 1000); }
datetime TimeTradeServer() { return datetime((Server().now_ms + Here().clock_lead_ms) / 1000); }
datetime TimeGMT() { return datetime((Server().now_ms + Here().clock_lead_ms) / 1000 - Here().utc_offset_s); }
datetime TimeLocal() { return TimeGMT(); }
ulong GetTickCount64() {
  Terminal &terminal = Here();
  terminal.passed_ms += terminal.jitter_ms;
  if (terminal.simulated_clock) return terminal.passed_ms;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<ulong>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) + terminal.passed_ms;
}
ulong GetMicrosecondCount() { return GetTickCount64() * 1000; }
bool EventSetTimer(int seconds) { return EventSetMillisecondTimer(seconds * 1000); }
bool EventSetMillisecondTimer(int milliseconds) {
  Here().timer_ms = milliseconds;
  return true;
}
void EventKillTimer() { Here().timer_ms = 0; }
long MQLInfoInteger(ENUM_MQL_INFO_INTEGER property) {
  if (property == MQL_TESTER) return Here().tester;
  return property == MQL_TRADE_ALLOWED && Here().program_allowed;
}
long TerminalInfoInteger(ENUM_TERMINAL_INFO_INTEGER property) {
  return property == TERMINAL_CONNECTED ? Server().connected : Server().expert_allowed;
}

// ------------------------------------------------------------------ market
double SymbolInfoDouble(const string &name, ENUM_SYMBOL_INFO_DOUBLE property) {
  const SimSymbol *symbol = Known(name);
  if (!symbol) return 0;
  switch (property) {
    case SYMBOL_BID: return symbol->bid;
    case SYMBOL_ASK: return symbol->ask;
    case SYMBOL_POINT: return symbol->point;
    case SYMBOL_TRADE_TICK_SIZE: return symbol->tick_size;
    case SYMBOL_TRADE_CONTRACT_SIZE: return symbol->contract;
    case SYMBOL_VOLUME_MIN: return symbol->volume_min;
    case SYMBOL_VOLUME_MAX: return symbol->volume_max;
    case SYMBOL_VOLUME_STEP: return symbol->volume_step;
    case SYMBOL_VOLUME_LIMIT: return symbol->volume_limit;
    default: return symbol->tick_value;
  }
}
long SymbolInfoInteger(const string &name, ENUM_SYMBOL_INFO_INTEGER property) {
  const SimSymbol *symbol = Known(name);
  if (!symbol) return 0;
  switch (property) {
    case SYMBOL_DIGITS: return symbol->digits;
    case SYMBOL_SPREAD: return std::lround((symbol->ask - symbol->bid) / symbol->point);
    case SYMBOL_TRADE_STOPS_LEVEL: return symbol->stops_level;
    case SYMBOL_TRADE_FREEZE_LEVEL: return symbol->freeze_level;
    case SYMBOL_TRADE_MODE: return symbol->mode;
    case SYMBOL_TRADE_EXEMODE: return symbol->execution;
    case SYMBOL_FILLING_MODE: return symbol->filling;
    case SYMBOL_EXPIRATION_MODE: return symbol->expiration;
    case SYMBOL_TIME_MSC: return Server().now_ms;
    default: return Server().now_ms / 1000;
  }
}
bool SymbolInfoTick(const string &name, MqlTick &tick) {
  const SimSymbol *symbol = Known(name);
  if (!symbol || symbol->ticks.empty()) return false;
  tick = symbol->ticks.back();
  return true;
}
double AccountInfoDouble(ENUM_ACCOUNT_INFO_DOUBLE property) {
  switch (property) {
    case ACCOUNT_BALANCE: return Server().balance;
    case ACCOUNT_EQUITY: return Server().Equity();
    case ACCOUNT_PROFIT: return Server().Equity() - Server().balance;
    case ACCOUNT_MARGIN: return Server().Margin();
    default: return Server().Equity() - Server().Margin();
  }
}
long AccountInfoInteger(ENUM_ACCOUNT_INFO_INTEGER property) {
  switch (property) {
    case ACCOUNT_LOGIN: return 12345;
    case ACCOUNT_MARGIN_MODE: return Server().margin_mode;
    case ACCOUNT_LIMIT_ORDERS: return 200;
    default: return Server().account_allowed;
  }
}
string AccountInfoString(ENUM_ACCOUNT_INFO_STRING property) { return property == ACCOUNT_SERVER ? string(Here().server) : string("USD"); }

int CopyRates(const string &name, ENUM_TIMEFRAMES timeframe, int start, int count, MqlArray<MqlRates> &rates) {
  const SimSymbol *symbol = Known(name);
  const auto found = symbol ? symbol->bars.find(timeframe == PERIOD_CURRENT ? Here().period : timeframe) : std::map<int, std::vector<MqlRates>>::const_iterator{};
  if (!symbol || found == symbol->bars.end()) {
    SetError(ERR_HISTORY_NOT_FOUND);
    return -1;
  }
  const auto &bars = found->second;
  const int copied = std::min(count, static_cast<int>(bars.size()) - start);
  if (start < 0 || copied <= 0 || rates.Resize(copied) < 0) return -1;
  for (int at = 0; at < copied; ++at) rates.Raw(at) = bars[bars.size() - static_cast<std::size_t>(start + copied - at)];
  return copied;
}
// The oldest `count` ticks from a moment on; without a moment the newest.
int CopyTicks(const string &name, MqlArray<MqlTick> &ticks, uint, ulong from_msc, uint count) {
  const SimSymbol *symbol = Known(name);
  if (!symbol) return -1;
  const auto &all = symbol->ticks;
  std::size_t first = all.size() > count ? all.size() - count : 0;
  if (from_msc > 0) {
    const auto found = std::lower_bound(all.begin(), all.end(), static_cast<long>(from_msc), [](const MqlTick &tick, long at) { return tick.time_msc < at; });
    first = static_cast<std::size_t>(found - all.begin());
  }
  const int copied = static_cast<int>(std::min<std::size_t>(count, all.size() - first));
  ticks.Resize(copied);
  for (int at = 0; at < copied; ++at) ticks.Raw(at) = all[first + static_cast<std::size_t>(at)];
  return copied;
}

// ------------------------------------------------------------------ trade
namespace {
const SimPosition *Position() {
  const int at = Here().selected_position;
  if (at < 0 || at >= PositionsTotal()) throw CriticalError("no position is selected");
  return &Server().positions[static_cast<std::size_t>(at)];
}
const SimOrder *Order() {
  const int at = Here().selected_order;
  if (at < 0 || at >= OrdersTotal()) throw CriticalError("no order is selected");
  return &Server().orders[static_cast<std::size_t>(at)];
}
}  // namespace

int PositionsTotal() { return static_cast<int>(Server().positions.size()); }
ulong PositionGetTicket(int index) {
  Here().selected_position = index < PositionsTotal() ? index : -1;
  return index < 0 || index >= PositionsTotal() ? 0 : Server().positions[static_cast<std::size_t>(index)].ticket;
}
bool PositionSelectByTicket(ulong ticket) {
  for (int index = 0; index < PositionsTotal(); ++index) {
    if (PositionGetTicket(index) == ticket) return true;
  }
  Here().selected_position = -1;
  SetError(ERR_TRADE_POSITION_NOT_FOUND);
  return false;
}
double PositionGetDouble(ENUM_POSITION_PROPERTY_DOUBLE property) {
  const SimPosition *position = Position();
  switch (property) {
    case POSITION_VOLUME: return position->volume;
    case POSITION_PRICE_OPEN: return position->open;
    case POSITION_SL: return position->sl;
    case POSITION_TP: return position->tp;
    case POSITION_PRICE_CURRENT: return position->type == POSITION_TYPE_BUY ? Server().Of(position->symbol).bid : Server().Of(position->symbol).ask;
    case POSITION_SWAP: return position->swap;
    default: return Server().Profit(*position);
  }
}
long PositionGetInteger(ENUM_POSITION_PROPERTY_INTEGER property) {
  const SimPosition *position = Position();
  switch (property) {
    case POSITION_TIME: return position->time_ms / 1000;
    case POSITION_TIME_MSC: return position->time_ms;
    case POSITION_TYPE: return position->type;
    case POSITION_MAGIC: return static_cast<long>(position->magic);
    default: return static_cast<long>(position->ticket);
  }
}
string PositionGetString(ENUM_POSITION_PROPERTY_STRING property) {
  return property == POSITION_SYMBOL ? string(Position()->symbol) : string(Position()->comment);
}
int OrdersTotal() { return static_cast<int>(Server().orders.size()); }
ulong OrderGetTicket(int index) {
  Here().selected_order = index < OrdersTotal() ? index : -1;
  return index < 0 || index >= OrdersTotal() ? 0 : Server().orders[static_cast<std::size_t>(index)].ticket;
}
double OrderGetDouble(ENUM_ORDER_PROPERTY_DOUBLE property) {
  const SimOrder *order = Order();
  switch (property) {
    case ORDER_PRICE_OPEN: return order->price;
    case ORDER_SL: return order->sl;
    case ORDER_TP: return order->tp;
    default: return order->volume;
  }
}
long OrderGetInteger(ENUM_ORDER_PROPERTY_INTEGER property) { return OrderInteger(*Order(), property); }
string OrderGetString(ENUM_ORDER_PROPERTY_STRING property) { return property == ORDER_SYMBOL ? string(Order()->symbol) : string(Order()->comment); }

bool HistorySelect(datetime from, datetime to) {
  Terminal &terminal = Here();
  terminal.history_orders.clear();
  terminal.history_deals.clear();
  const auto within = [&](long time_ms) { return time_ms / 1000 >= from && time_ms / 1000 <= to; };
  for (std::size_t at = 0; at < Server().past_orders.size(); ++at) {
    if (within(Server().past_orders[at].done_ms)) terminal.history_orders.push_back(at);
  }
  for (std::size_t at = 0; at < Server().deals.size(); ++at) {
    if (within(Server().deals[at].time_ms)) terminal.history_deals.push_back(at);
  }
  return true;
}
bool HistorySelectByPosition(long position) {
  Terminal &terminal = Here();
  terminal.history_orders.clear();
  terminal.history_deals.clear();
  for (std::size_t at = 0; at < Server().deals.size(); ++at) {
    if (Server().deals[at].position == static_cast<ulong>(position)) terminal.history_deals.push_back(at);
  }
  return true;
}
int HistoryOrdersTotal() { return static_cast<int>(Here().history_orders.size()); }
ulong HistoryOrderGetTicket(int index) { return Server().past_orders[Here().history_orders.at(static_cast<std::size_t>(index))].ticket; }
long HistoryOrderGetInteger(ulong ticket, ENUM_ORDER_PROPERTY_INTEGER property) { return OrderInteger(*ByTicket(Server().past_orders, ticket), property); }
string HistoryOrderGetString(ulong ticket, ENUM_ORDER_PROPERTY_STRING property) {
  const SimOrder *order = ByTicket(Server().past_orders, ticket);
  return property == ORDER_SYMBOL ? string(order->symbol) : string(order->comment);
}
int HistoryDealsTotal() { return static_cast<int>(Here().history_deals.size()); }
ulong HistoryDealGetTicket(int index) { return Server().deals[Here().history_deals.at(static_cast<std::size_t>(index))].ticket; }
double HistoryDealGetDouble(ulong ticket, ENUM_DEAL_PROPERTY_DOUBLE property) {
  const SimDeal *deal = ByTicket(Server().deals, ticket);
  switch (property) {
    case DEAL_VOLUME: return deal->volume;
    case DEAL_PRICE: return deal->price;
    case DEAL_COMMISSION: return deal->commission;
    case DEAL_SWAP: return deal->swap;
    case DEAL_FEE: return 0;
    default: return deal->profit;
  }
}
long HistoryDealGetInteger(ulong ticket, ENUM_DEAL_PROPERTY_INTEGER property) {
  const SimDeal *deal = ByTicket(Server().deals, ticket);
  switch (property) {
    case DEAL_ORDER: return static_cast<long>(deal->order);
    case DEAL_TIME: return deal->time_ms / 1000;
    case DEAL_TYPE: return deal->type;
    case DEAL_ENTRY: return deal->entry;
    case DEAL_MAGIC: return static_cast<long>(deal->magic);
    case DEAL_POSITION_ID: return static_cast<long>(deal->position);
    case DEAL_REASON: return deal->reason;
    default: return static_cast<long>(deal->ticket);
  }
}
string HistoryDealGetString(ulong ticket, ENUM_DEAL_PROPERTY_STRING property) {
  const SimDeal *deal = ByTicket(Server().deals, ticket);
  return property == DEAL_SYMBOL ? string(deal->symbol) : string(deal->comment);
}
bool OrderCalcMargin(ENUM_ORDER_TYPE, const string &name, double volume, double price, double &margin) {
  const SimSymbol *symbol = Known(name);
  if (!symbol) return false;
  margin = volume * symbol->contract * price / Server().leverage;
  return true;
}
bool OrderCheck(const MqlTradeRequest &request, MqlTradeCheckResult &result) {
  ++Here().checks;
  const uint code = Server().Check(request);
  const bool fine = code == TRADE_RETCODE_DONE || code == TRADE_RETCODE_PLACED;
  result = MqlTradeCheckResult{};
  result.retcode = fine ? 0 : code;
  if (!fine) SetError(ERR_TRADE_SEND_FAILED);
  return fine;
}
bool OrderSend(const MqlTradeRequest &request, MqlTradeResult &result) { return Server().Send(request, result); }

// ------------------------------------------------------------------ the terminal's variables, the chart
bool GlobalVariableCheck(const string &name) { return Here().globals.count(name.utf8()) > 0; }
double GlobalVariableGet(const string &name) {
  const auto found = Here().globals.find(name.utf8());
  if (found == Here().globals.end()) SetError(ERR_GLOBALVARIABLE_NOT_FOUND);
  return found == Here().globals.end() ? 0 : found->second;
}
datetime GlobalVariableSet(const string &name, double value) {
  if (name.length() > 63) throw CriticalError("a terminal variable's name has at most 63 letters: " + name.utf8());
  Here().globals[name.utf8()] = value;
  return TimeLocal();
}
bool GlobalVariableDel(const string &name) { return Here().globals.erase(name.utf8()) > 0; }
void GlobalVariablesFlush() {}

bool ObjectCreate(long, const string &name, ENUM_OBJECT, int, datetime, double) { return Here().objects.try_emplace(name.utf8()).second; }
bool ObjectSetInteger(long, const string &name, ENUM_OBJECT_PROPERTY_INTEGER, long) { return ObjectFind(0, name) >= 0; }
bool ObjectSetString(long, const string &name, ENUM_OBJECT_PROPERTY_STRING property, const string &value) {
  if (ObjectFind(0, name) < 0) return false;
  Here().objects[name.utf8()][property] = value.utf8();
  return true;
}
int ObjectFind(long, const string &name) { return Here().objects.count(name.utf8()) ? 0 : -1; }
int ObjectsDeleteAll(long, const string &prefix, int, int) {
  return static_cast<int>(std::erase_if(Here().objects, [&](const auto &object) { return object.first.rfind(prefix.utf8(), 0) == 0; }));
}
void ChartRedraw(long) {}
long ChartID() { return 1; }

}  // namespace mql5
