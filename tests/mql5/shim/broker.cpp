#include "broker.hpp"

namespace mql5 {

namespace {
constexpr double TINY = 1e-9;

int Seconds(int timeframe) { return timeframe >= PERIOD_H1 ? (timeframe - 16384) * 3600 : timeframe * 60; }

// How far `level` must at least be from the price: not at it, and not within the stops level.
bool FarEnough(double distance, const SimSymbol &symbol) {
  return distance > TINY && distance >= symbol.stops_level * symbol.point - TINY;
}
}  // namespace

bool IsMultiple(double value, double step) {
  const double count = value / step;
  return std::fabs(count - std::round(count)) < 1e-6;
}
bool IsBuy(int order_type) { return order_type == ORDER_TYPE_BUY || order_type == ORDER_TYPE_BUY_LIMIT || order_type == ORDER_TYPE_BUY_STOP; }

SimSymbol *Broker::Find(const std::string &name) {
  const auto found = symbols.find(name);
  return found == symbols.end() ? nullptr : &found->second;
}
SimSymbol &Broker::Of(const std::string &name) { return symbols.at(name); }

double Broker::Profit(const SimPosition &position) {
  const SimSymbol &symbol = Of(position.symbol);
  const double move = position.type == POSITION_TYPE_BUY ? symbol.bid - position.open : position.open - symbol.ask;
  return move / symbol.tick_size * symbol.tick_value * position.volume;
}
double Broker::Margin() {
  double sum = 0;
  for (const auto &position : positions) sum += position.volume * Of(position.symbol).contract * position.open / leverage;
  return sum;
}
double Broker::Equity() {
  double sum = balance;
  for (const auto &position : positions) sum += Profit(position) + position.swap;
  return sum;
}

// ------------------------------------------------------------------ what the market does
void Broker::Tick(const std::string &name, long time_ms, double bid, double ask) {
  SimSymbol &symbol = Of(name);
  const long before_ms = now_ms;
  now_ms = std::max(now_ms, time_ms);
  symbol.bid = bid;
  symbol.ask = ask;
  symbol.ticks.push_back({datetime(time_ms / 1000), bid, ask, 0, 0, time_ms, TICK_FLAG_BID | TICK_FLAG_ASK, 0});
  Bars(symbol, time_ms, bid, ask);
  Roll(before_ms);
  Expire();
  Activate(name);
  Trigger(name);
  StopOut();
}

void Broker::Bars(SimSymbol &symbol, long time_ms, double bid, double ask) {
  const int spread = static_cast<int>(std::lround((ask - bid) / symbol.point));
  for (auto &[timeframe, bars] : symbol.bars) {
    const long opened = time_ms / 1000 / Seconds(timeframe) * Seconds(timeframe);
    if (bars.empty() || bars.back().time < opened) {
      bars.push_back({datetime(opened), bid, bid, bid, bid, 1, spread, 0});
      continue;
    }
    MqlRates &bar = bars.back();
    bar.high = std::max(bar.high, bid);
    bar.low = std::min(bar.low, bid);
    bar.close = bid;
    ++bar.tick_volume;
  }
}

void Broker::Roll(long before_ms) {
  const auto nights = static_cast<double>(now_ms / DAY_MS - before_ms / DAY_MS);
  if (nights <= 0) return;
  for (auto &position : positions) {
    const SimSymbol &symbol = Of(position.symbol);
    const double rate = position.type == POSITION_TYPE_BUY ? symbol.swap_long : symbol.swap_short;
    position.swap += nights * rate * position.volume;
  }
}

void Broker::Expire() {
  for (std::size_t at = orders.size(); at-- > 0;) {
    if (orders[at].expiration > 0 && now_ms / 1000 >= orders[at].expiration) {
      Retire(orders[at], ORDER_STATE_EXPIRED);
      orders.erase(orders.begin() + static_cast<long>(at));
    }
  }
}

void Broker::Activate(const std::string &name) {
  const SimSymbol &symbol = Of(name);
  for (std::size_t at = 0; at < orders.size();) {
    const SimOrder order = orders[at];
    const bool reached = order.symbol == name && ((order.type == ORDER_TYPE_BUY_STOP && symbol.ask >= order.price - TINY) ||
                                                  (order.type == ORDER_TYPE_SELL_STOP && symbol.bid <= order.price + TINY));
    if (!reached) {
      ++at;
      continue;
    }
    orders.erase(orders.begin() + static_cast<long>(at));
    Deal(order, IsBuy(order.type) ? symbol.ask : symbol.bid, DEAL_REASON_EXPERT);
  }
}

void Broker::Trigger(const std::string &name) {
  const SimSymbol &symbol = Of(name);
  for (std::size_t at = positions.size(); at-- > 0;) {
    const SimPosition position = positions[at];
    if (position.symbol != name) continue;
    const double sign = position.type == POSITION_TYPE_BUY ? 1 : -1;
    const double price = position.type == POSITION_TYPE_BUY ? symbol.bid : symbol.ask;
    const bool lost = position.sl > 0 && sign * (price - position.sl) <= TINY;
    const bool won = position.tp > 0 && sign * (price - position.tp) >= -TINY;
    if (!lost && !won) continue;
    SimOrder closing{next_ticket_++, name, position.type == POSITION_TYPE_BUY ? ORDER_TYPE_SELL : ORDER_TYPE_BUY, position.volume, price, 0, 0,
                     position.magic, lost ? "[sl]" : "[tp]", now_ms, now_ms, 0, ORDER_STATE_FILLED, position.ticket};
    past_orders.push_back(closing);
    Reduce(at, position.volume, price, closing.ticket, lost ? DEAL_REASON_SL : DEAL_REASON_TP, DEAL_ENTRY_OUT, closing.comment);
  }
}

void Broker::StopOut() {
  while (!positions.empty() && Equity() < Margin() * stop_out_level) {
    std::size_t worst = 0;
    for (std::size_t at = 1; at < positions.size(); ++at) worst = Profit(positions[at]) < Profit(positions[worst]) ? at : worst;
    const SimPosition position = positions[worst];
    const SimSymbol &symbol = Of(position.symbol);
    const double price = position.type == POSITION_TYPE_BUY ? symbol.bid : symbol.ask;
    Reduce(worst, position.volume, price, next_ticket_++, DEAL_REASON_SO, DEAL_ENTRY_OUT, "[so]");
  }
}

// ------------------------------------------------------------------ what the server refuses
uint Broker::Check(const MqlTradeRequest &request) {
  if (!expert_allowed) return TRADE_RETCODE_CLIENT_DISABLES_AT;
  if (!account_allowed) return TRADE_RETCODE_SERVER_DISABLES_AT;
  if (!connected) return TRADE_RETCODE_CONNECTION;
  if (!open) return TRADE_RETCODE_MARKET_CLOSED;
  if (request.action == TRADE_ACTION_REMOVE) {
    const bool known = std::any_of(orders.begin(), orders.end(), [&](const auto &order) { return order.ticket == request.order; });
    return known ? TRADE_RETCODE_DONE : TRADE_RETCODE_INVALID_ORDER;
  }
  SimSymbol *symbol = Find(request.symbol.utf8());
  if (!symbol) return TRADE_RETCODE_INVALID;
  if (request.action == TRADE_ACTION_SLTP) return CheckStops(request);
  if (request.action != TRADE_ACTION_DEAL && request.action != TRADE_ACTION_PENDING) return TRADE_RETCODE_INVALID;
  return CheckPlacing(request, *symbol);
}

uint Broker::CheckStops(const MqlTradeRequest &request) {
  for (const auto &position : positions) {
    if (position.ticket != request.position) continue;
    const SimSymbol &symbol = Of(position.symbol);
    if (request.sl == position.sl && request.tp == position.tp) return TRADE_RETCODE_NO_CHANGES;
    const double sign = position.type == POSITION_TYPE_BUY ? 1 : -1;
    const double price = position.type == POSITION_TYPE_BUY ? symbol.bid : symbol.ask;
    const double frozen = symbol.freeze_level * symbol.point;
    for (const double level : {position.sl, position.tp}) {
      if (level > 0 && std::fabs(level - price) < frozen - TINY) return TRADE_RETCODE_FROZEN;
    }
    if (request.sl > 0 && !FarEnough(sign * (price - request.sl), symbol)) return TRADE_RETCODE_INVALID_STOPS;
    if (request.tp > 0 && !FarEnough(sign * (request.tp - price), symbol)) return TRADE_RETCODE_INVALID_STOPS;
    return TRADE_RETCODE_DONE;
  }
  return TRADE_RETCODE_POSITION_CLOSED;
}

uint Broker::CheckPlacing(const MqlTradeRequest &request, SimSymbol &symbol) {
  const bool market = request.type <= ORDER_TYPE_SELL;
  const bool held = std::any_of(positions.begin(), positions.end(), [&](const auto &position) { return position.ticket == request.position; });
  if (request.position && !held) return TRADE_RETCODE_POSITION_CLOSED;
  if ((request.action == TRADE_ACTION_DEAL) != market) return TRADE_RETCODE_INVALID_ORDER;
  if (const uint code = CheckMode(request, symbol); code) return code;
  if (!(request.volume >= symbol.volume_min - TINY) || !(request.volume <= symbol.volume_max + TINY) || !IsMultiple(request.volume, symbol.volume_step)) {
    return TRADE_RETCODE_INVALID_VOLUME;
  }
  if (market) {
    if (const uint code = CheckFilling(request, symbol); code) return code;
  }
  if (const uint code = CheckPrices(request, symbol); code) return code;
  const double price = market ? (IsBuy(request.type) ? symbol.ask : symbol.bid) : request.price;
  const bool opens = !(market && request.position);
  if (opens && request.volume * symbol.contract * price / leverage > Equity() - Margin()) return TRADE_RETCODE_NO_MONEY;
  return market ? TRADE_RETCODE_DONE : TRADE_RETCODE_PLACED;
}

uint Broker::CheckMode(const MqlTradeRequest &request, const SimSymbol &symbol) {
  if (request.position) return 0;
  switch (symbol.mode) {
    case SYMBOL_TRADE_MODE_DISABLED: return TRADE_RETCODE_TRADE_DISABLED;
    case SYMBOL_TRADE_MODE_CLOSEONLY: return TRADE_RETCODE_CLOSE_ONLY;
    case SYMBOL_TRADE_MODE_LONGONLY: return IsBuy(request.type) ? 0 : TRADE_RETCODE_LONG_ONLY;
    case SYMBOL_TRADE_MODE_SHORTONLY: return IsBuy(request.type) ? TRADE_RETCODE_SHORT_ONLY : 0;
    default: return 0;
  }
}

uint Broker::CheckFilling(const MqlTradeRequest &request, const SimSymbol &symbol) {
  const bool fits = (request.type_filling == ORDER_FILLING_FOK && (symbol.filling & SYMBOL_FILLING_FOK)) ||
                    (request.type_filling == ORDER_FILLING_IOC && (symbol.filling & SYMBOL_FILLING_IOC)) ||
                    (request.type_filling == ORDER_FILLING_RETURN && symbol.execution != SYMBOL_TRADE_EXECUTION_MARKET);
  return fits ? 0 : TRADE_RETCODE_INVALID_FILL;
}

uint Broker::CheckPrices(const MqlTradeRequest &request, const SimSymbol &symbol) {
  const bool buy = IsBuy(request.type), market = request.type <= ORDER_TYPE_SELL;
  if (!market) {
    if (!std::isfinite(request.price) || !IsMultiple(request.price, symbol.tick_size)) return TRADE_RETCODE_INVALID_PRICE;
    const double quote = buy ? symbol.ask : symbol.bid;
    const bool above = request.type == ORDER_TYPE_BUY_STOP || request.type == ORDER_TYPE_SELL_LIMIT;
    if (!FarEnough(above ? request.price - quote : quote - request.price, symbol)) return TRADE_RETCODE_INVALID_PRICE;
    const bool specified = request.type_time == ORDER_TIME_SPECIFIED;
    if (specified && !(symbol.expiration & SYMBOL_EXPIRATION_SPECIFIED)) return TRADE_RETCODE_INVALID_EXPIRATION;
    if (specified && request.expiration <= now_ms / 1000) return TRADE_RETCODE_INVALID_EXPIRATION;
  }
  const double from = market ? (buy ? symbol.bid : symbol.ask) : request.price, sign = buy ? 1 : -1;
  for (const double level : {request.sl, request.tp}) {
    if (!std::isfinite(level) || (level != 0 && !IsMultiple(level, symbol.tick_size))) return TRADE_RETCODE_INVALID_STOPS;
  }
  if (request.sl != 0 && !FarEnough(sign * (from - request.sl), symbol)) return TRADE_RETCODE_INVALID_STOPS;
  if (request.tp != 0 && !FarEnough(sign * (request.tp - from), symbol)) return TRADE_RETCODE_INVALID_STOPS;
  return 0;
}

// ------------------------------------------------------------------ what the server carries out
bool Broker::Send(const MqlTradeRequest &request, MqlTradeResult &result) {
  sent.push_back(request);
  result = MqlTradeResult{};
  if (SimSymbol *symbol = Find(request.symbol.utf8()); symbol) {
    result.bid = symbol->bid;
    result.ask = symbol->ask;
  }
  std::optional<Fault> fault;
  if (!faults.empty()) {
    fault = faults.front();
    faults.pop_front();
  }
  result.retcode = fault && !fault->executed ? fault->retcode : Check(request);
  if (result.retcode == TRADE_RETCODE_DONE || result.retcode == TRADE_RETCODE_PLACED) {
    Carry(request, result);
    if (fault && fault->executed && !fault->killed && fault->retcode != TRADE_RETCODE_DONE_PARTIAL) {
      result = MqlTradeResult{};  // the answer was lost on its way
    }
    if (fault) result.retcode = fault->retcode;
  }
  if (fault && fault->killed) throw Killed{};
  const bool done = result.retcode == TRADE_RETCODE_DONE || result.retcode == TRADE_RETCODE_PLACED || result.retcode == TRADE_RETCODE_DONE_PARTIAL;
  if (!done) SetError(ERR_TRADE_SEND_FAILED);
  return done;
}

void Broker::Carry(const MqlTradeRequest &request, MqlTradeResult &result) {
  if (request.action == TRADE_ACTION_REMOVE) {
    for (std::size_t at = 0; at < orders.size(); ++at) {
      if (orders[at].ticket != request.order) continue;
      Retire(orders[at], ORDER_STATE_CANCELED);
      orders.erase(orders.begin() + static_cast<long>(at));
      return;
    }
  }
  if (request.action == TRADE_ACTION_SLTP) {
    for (auto &position : positions) {
      if (position.ticket != request.position) continue;
      position.sl = request.sl;
      position.tp = request.tp;
    }
    return;
  }
  Market(request, result);
}

void Broker::Market(const MqlTradeRequest &request, MqlTradeResult &result) {
  SimOrder order{next_ticket_++, request.symbol.utf8(), request.type, request.volume, request.price, request.sl, request.tp, request.magic,
                 request.comment.utf8(), now_ms, 0, request.type_time == ORDER_TIME_SPECIFIED ? request.expiration : datetime(0),
                 ORDER_STATE_PLACED, request.position};
  result.order = order.ticket;
  result.volume = order.volume;
  if (request.action == TRADE_ACTION_PENDING) {
    orders.push_back(order);
    events = true;
    return;
  }
  const SimSymbol &symbol = Of(order.symbol);
  result.price = IsBuy(order.type) ? symbol.ask : symbol.bid;
  Deal(order, result.price, DEAL_REASON_EXPERT);
  result.deal = deals.back().ticket;
}

void Broker::Deal(const SimOrder &order, double price, int reason) {
  SimOrder done = order;
  if (order.position) {
    for (std::size_t at = 0; at < positions.size(); ++at) {
      if (positions[at].ticket != order.position) continue;
      Retire(done, ORDER_STATE_FILLED);
      Reduce(at, order.volume, price, order.ticket, reason, DEAL_ENTRY_OUT, order.comment);
      return;
    }
  }
  if (margin_mode != ACCOUNT_MARGIN_MODE_RETAIL_HEDGING) {
    Net(order, price, reason);
    return;
  }
  done.position = order.ticket;
  Retire(done, ORDER_STATE_FILLED);
  positions.push_back({order.ticket, order.symbol, IsBuy(order.type) ? POSITION_TYPE_BUY : POSITION_TYPE_SELL, order.volume, price, order.sl,
                       order.tp, 0, order.magic, order.comment, now_ms});
  Book({0, order.ticket, order.ticket, order.symbol, IsBuy(order.type) ? DEAL_TYPE_BUY : DEAL_TYPE_SELL, DEAL_ENTRY_IN, reason, order.volume,
        price, 0, 0, 0, order.magic, order.comment, now_ms});
}

void Broker::Net(const SimOrder &order, double price, int reason) {
  const int side = IsBuy(order.type) ? POSITION_TYPE_BUY : POSITION_TYPE_SELL;
  double volume = order.volume;
  for (std::size_t at = 0; at < positions.size(); ++at) {
    SimPosition &position = positions[at];
    if (position.symbol != order.symbol) continue;
    SimOrder done = order;
    done.position = position.ticket;
    Retire(done, ORDER_STATE_FILLED);
    if (position.type == side) {
      position.open = (position.open * position.volume + price * volume) / (position.volume + volume);
      position.volume += volume;
      if (order.sl > 0) position.sl = order.sl;
      if (order.tp > 0) position.tp = order.tp;
      Book({0, order.ticket, position.ticket, order.symbol, side, DEAL_ENTRY_IN, reason, volume, price, 0, 0, 0, order.magic, order.comment, now_ms});
      return;
    }
    const double closed = std::min(volume, position.volume);
    Reduce(at, closed, price, order.ticket, reason, volume > position.volume + TINY ? DEAL_ENTRY_INOUT : DEAL_ENTRY_OUT, order.comment);
    volume -= closed;
    if (volume < TINY) return;
    break;
  }
  SimOrder done = order;
  done.position = order.ticket;
  if (volume == order.volume) Retire(done, ORDER_STATE_FILLED);
  positions.push_back({order.ticket, order.symbol, side, volume, price, order.sl, order.tp, 0, order.magic, order.comment, now_ms});
  Book({0, order.ticket, order.ticket, order.symbol, side, DEAL_ENTRY_IN, reason, volume, price, 0, 0, 0, order.magic, order.comment, now_ms});
}

void Broker::Reduce(std::size_t index, double volume, double price, ulong order, int reason, int entry, const std::string &comment) {
  SimPosition &position = positions[index];
  const SimSymbol &symbol = Of(position.symbol);
  const double closed = std::min(volume, position.volume), share = closed / position.volume;
  const double move = position.type == POSITION_TYPE_BUY ? price - position.open : position.open - price;
  SimDeal deal{0, order, position.ticket, position.symbol, position.type == POSITION_TYPE_BUY ? DEAL_TYPE_SELL : DEAL_TYPE_BUY, entry, reason, closed,
               price, 0, position.swap * share, move / symbol.tick_size * symbol.tick_value * closed, position.magic, comment, now_ms};
  position.swap -= deal.swap;
  position.volume -= closed;
  if (position.volume < TINY) positions.erase(positions.begin() + static_cast<long>(index));
  Book(deal);
}

ulong Broker::Book(const SimDeal &deal) {
  SimDeal booked = deal;
  booked.ticket = next_ticket_++;
  booked.commission = -Of(deal.symbol).commission * deal.volume;
  balance += booked.profit + booked.swap + booked.commission;
  deals.push_back(booked);
  events = true;
  return booked.ticket;
}

void Broker::Retire(SimOrder order, int state) {
  order.state = state;
  order.done_ms = now_ms;
  past_orders.push_back(order);
  events = true;
}

}  // namespace mql5
