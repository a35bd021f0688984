// A terminal on a broker: MQL5's functions of market, account, trade, time, chart and web.
#pragma once
#include "broker.hpp"

namespace mql5 {

struct SentRequest {
  std::string method, url, headers, body;
  int timeout_ms, code;
  double took_ms;
};

struct Terminal {
  Broker broker;
  std::string chart = "XAUUSD", server = "Sim-Demo";
  ENUM_TIMEFRAMES period = PERIOD_M15;
  bool tester = false, program_allowed = true;
  long utc_offset_s = 7200, clock_lead_ms = 0;
  // Ticks since the machine started: the real clock and what a test let pass, or the broker's clock alone.
  bool simulated_clock = true;
  ulong passed_ms = 1'000'000;
  ulong jitter_ms = 0;  // added to every look at the clock: what must repeat exactly may not see it
  std::map<std::string, double> globals;
  std::map<std::string, std::map<int, std::string>> objects;
  std::vector<std::string> allowed_urls;
  std::vector<SentRequest> requests;
  bool old_build_codes = false;  // some builds return 1001 or 1003 where the documentation says -1
  int timer_ms = 0;
  int selected_position = -1, selected_order = -1;
  std::vector<std::size_t> history_orders, history_deals;
  long checks = 0;
};
Terminal &Here();
void Reset();  // a terminal as installed

string ChartSymbol();
SimSymbol &Chart();
int PeriodSeconds(ENUM_TIMEFRAMES timeframe = PERIOD_CURRENT);

datetime TimeCurrent();
datetime TimeTradeServer();
datetime TimeGMT();
datetime TimeLocal();
ulong GetTickCount64();
ulong GetMicrosecondCount();
bool EventSetTimer(int seconds);
bool EventSetMillisecondTimer(int milliseconds);
void EventKillTimer();
long MQLInfoInteger(ENUM_MQL_INFO_INTEGER property);
long TerminalInfoInteger(ENUM_TERMINAL_INFO_INTEGER property);

double SymbolInfoDouble(const string &symbol, ENUM_SYMBOL_INFO_DOUBLE property);
long SymbolInfoInteger(const string &symbol, ENUM_SYMBOL_INFO_INTEGER property);
bool SymbolInfoTick(const string &symbol, MqlTick &tick);
double AccountInfoDouble(ENUM_ACCOUNT_INFO_DOUBLE property);
long AccountInfoInteger(ENUM_ACCOUNT_INFO_INTEGER property);
string AccountInfoString(ENUM_ACCOUNT_INFO_STRING property);
int CopyRates(const string &symbol, ENUM_TIMEFRAMES timeframe, int start, int count, MqlArray<MqlRates> &rates);
int CopyTicks(const string &symbol, MqlArray<MqlTick> &ticks, uint flags, ulong from_msc, uint count);

int PositionsTotal();
ulong PositionGetTicket(int index);
bool PositionSelectByTicket(ulong ticket);
double PositionGetDouble(ENUM_POSITION_PROPERTY_DOUBLE property);
long PositionGetInteger(ENUM_POSITION_PROPERTY_INTEGER property);
string PositionGetString(ENUM_POSITION_PROPERTY_STRING property);
int OrdersTotal();
ulong OrderGetTicket(int index);
double OrderGetDouble(ENUM_ORDER_PROPERTY_DOUBLE property);
long OrderGetInteger(ENUM_ORDER_PROPERTY_INTEGER property);
string OrderGetString(ENUM_ORDER_PROPERTY_STRING property);
bool HistorySelect(datetime from, datetime to);
bool HistorySelectByPosition(long position);
int HistoryOrdersTotal();
ulong HistoryOrderGetTicket(int index);
long HistoryOrderGetInteger(ulong ticket, ENUM_ORDER_PROPERTY_INTEGER property);
string HistoryOrderGetString(ulong ticket, ENUM_ORDER_PROPERTY_STRING property);
int HistoryDealsTotal();
ulong HistoryDealGetTicket(int index);
double HistoryDealGetDouble(ulong ticket, ENUM_DEAL_PROPERTY_DOUBLE property);
long HistoryDealGetInteger(ulong ticket, ENUM_DEAL_PROPERTY_INTEGER property);
string HistoryDealGetString(ulong ticket, ENUM_DEAL_PROPERTY_STRING property);
bool OrderCalcMargin(ENUM_ORDER_TYPE type, const string &symbol, double volume, double price, double &margin);
bool OrderCheck(const MqlTradeRequest &request, MqlTradeCheckResult &result);
bool OrderSend(const MqlTradeRequest &request, MqlTradeResult &result);

bool GlobalVariableCheck(const string &name);
double GlobalVariableGet(const string &name);
datetime GlobalVariableSet(const string &name, double value);
bool GlobalVariableDel(const string &name);
void GlobalVariablesFlush();

bool ObjectCreate(long chart, const string &name, ENUM_OBJECT kind, int window, datetime time, double price);
bool ObjectSetInteger(long chart, const string &name, ENUM_OBJECT_PROPERTY_INTEGER property, long value);
bool ObjectSetString(long chart, const string &name, ENUM_OBJECT_PROPERTY_STRING property, const string &value);
int ObjectFind(long chart, const string &name);
int ObjectsDeleteAll(long chart, const string &prefix, int window = -1, int kind = -1);
void ChartRedraw(long chart = 0);
long ChartID();

int WebRequest(const string &method, const string &url, const string &headers, int timeout_ms, const MqlArray<char> &data,
               MqlArray<char> &result, string &result_headers);

// A program's inputs by name, so that a test can set what a user would.
class InputTable {
 public:
  template <class T> void Add(const std::string &name, T &input) {
    setters_[name] = [&input](const std::string &value) {
      if constexpr (std::is_same_v<T, string>) {
        input = string(value);
      } else if constexpr (std::is_same_v<T, bool>) {
        input = value == "true" || value == "1";
      } else {
        input = static_cast<T>(std::stod(value));
      }
    };
  }
  void Set(const std::string &name, const std::string &value) { setters_.at(name)(value); }

 private:
  std::map<std::string, std::function<void(const std::string &)>> setters_;
};

}  // namespace mql5
