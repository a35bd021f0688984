//+------------------------------------------------------------------+
//| BoxEA.mq5 - trades the box with a range that it can trust        |
//+------------------------------------------------------------------+
#property copyright "Trifecta"
#property link      "https://www.apache.org/licenses/LICENSE-2.0"
#property version   "1.00"
#property description "Box-EA on Trifecta's sidecar: its range while it is fresh, else H1/H4/D1."

#include <Trifecta/BoxExpert.mqh>

#define TIMER_MS 250

input group "Sidecar"
input bool   InpUseSidecar      = true;                    // Ask the sidecar
input string InpUrl             = "http://127.0.0.1:8000"; // Its address, also under Tools > Options > Expert Advisors
input string InpToken           = "";                      // Its token, when it wants one
input string InpSidecarSymbol   = "";                      // The symbol as it knows it; empty: the chart's
input int    InpHorizonS        = 0;                       // Horizon in seconds; 0: its own
input int    InpTimeoutMs       = 500;                     // Time limit of a request, ms, at most 500
input int    InpCacheMs         = 5000;                    // An answer serves this long, ms
input int    InpMaxAgeMs        = 15000;                   // Data older than this is not used, ms
input int    InpMaxBackoffMs    = 30000;                   // Longest pause after failures, ms
input bool   InpAcceptSimulated = false;                   // Trade on data of the emulator
input bool   InpPush            = true;                    // Push ticks and bars to the sidecar
input group "Range"
input double InpThreshold       = 15000;                   // T, points: a range above it is a breakout
input double InpMaxRange        = 1000000;                 // A range above it is not believed, points
input int    InpLastRangeS      = 3600;                    // The last range serves this long without bars, s
input group "Entries"
input int    InpMaxSpread       = 369;                     // Largest spread, points
input double InpStraddle        = 150;                     // Least distance of the two stop orders, points
input int    InpStraddleMinutes = 120;                     // Their life, minutes
input double InpReversion       = 200;                     // Least distance from a box's middle, points
input double InpTrend           = 200;                     // Least distance from the day's open, points
input double InpImbalance       = 0.05;                    // Imbalance that decides
input double InpRangeShare      = 0.01;                    // Share of the range added to every distance
input int    InpPauseS          = 60;                      // Pause between entries, s
input group "Hours of the server"
input double InpNightDistance   = 3000;                    // 0 to 3 h: distance of the first entry, points
input int    InpNightOrders     = 15;                      // 0 to 3 h: orders a side
input double InpNightExtra      = 300;                     // 0 to 3 h: added to every gap, points
input double InpDayDistance     = 9000;                    // 11 to 17 h: distance
input int    InpDayOrders       = 9;                       // 11 to 17 h: orders
input double InpDayExtra        = 900;                     // 11 to 17 h: extra
input double InpEveningDistance = 6000;                    // 17 to 21 h: distance
input int    InpEveningOrders   = 15;                      // 17 to 21 h: orders
input double InpEveningExtra    = 600;                     // 17 to 21 h: extra
input double InpOtherDistance   = 900;                     // Other hours: distance
input int    InpOtherOrders     = 6;                       // Other hours: orders
input double InpOtherExtra      = 100;                     // Other hours: extra
input int    InpWeekendFromHour = 20;                      // Nothing is entered from Friday, this hour
input int    InpWeekendToHour   = 2;                       // to Monday, this hour
input string InpNews            = "08:30 10:00 14:00 14:30 15:00"; // Times of news
input int    InpNewsMinutes     = 30;                      // Nothing is entered this near to them, minutes
input group "Exits and volume"
input double InpTake            = 2000;                    // Take from the side's average, points
input double InpStop            = 500;                     // Stop from the side's newest entry, points
input double InpRiskPercent     = 0.5;                     // Equity risked by an entry, %
input double InpFixedLots       = 0;                       // Fixed volume instead; 0: by risk
input double InpMaxLots         = 1.0;                     // All lots together, orders included
input double InpMarginShare     = 0.5;                     // Share of the free margin that an entry may take
input group "Adding"
input bool   InpAdding          = false;                   // Add to a side that loses
input bool   InpMultiply        = false;                   // Each added order is larger
input string InpGaps            = "2800 2600 2400 2200 2100 2000 1900 1800 1700 1600 1500 1500 1500 2000 2000 2000"; // Gaps of orders 2, 3, ...
input string InpMultipliers     = "1.2 1.2 1.2 1.5 1.5 1.5 1.7 1.7 1.7 1.8 1.8 1.8 2.0 2.0 2.2"; // Multipliers of orders 2, 3, ...
input double InpLeastGap        = 1500;                    // Least distance from every order, points
input double InpBlockRange      = 5000;                    // From this range on, order flow against the side blocks adding
input int    InpMaxOrders       = 6;                       // Orders a side, whatever the hour
input group "Limits"
input int    InpMaxOrdersADay   = 50;                      // Entries of a server day
input double InpDailyLossPercent   = 3.0;                  // Loss of a server day, % of its first balance
input double InpDailyProfitPercent = 0.0;                  // Profit of a server day that ends it, %; 0: none
input double InpMaxDrawdownPercent = 10.0;                 // Equity below its peak, %: closes all, latched
input bool   InpClearDrawdown   = false;                   // Forget a drawdown and the peak
input group "Orders"
input ulong  InpMagic           = 20240809;                // Magic number: what is ours
input int    InpDeviation       = 30;                      // Accepted slippage, points
input int    InpAttempts        = 3;                       // Attempts while the price moves
input int    InpSettleS         = 10;                      // How long an order without an answer is looked for, s

CBoxExpert g_expert;

void SetPeriod(SPeriod &period, const int from_hour, const int to_hour, const double distance, const int max_orders, const double extra)
  {
   period.from_hour = from_hour;
   period.to_hour = to_hour;
   period.distance = distance;
   period.max_orders = max_orders;
   period.extra = extra;
  }

void ReadSidecar(SBoxParameters &p)
  {
   p.use_sidecar = InpUseSidecar;
   p.url = InpUrl;
   p.token = InpToken;
   p.sidecar_symbol = (StringLen(InpSidecarSymbol) > 0 ? InpSidecarSymbol : _Symbol);
   p.horizon_s = InpHorizonS;
   p.timeout_ms = InpTimeoutMs;
   p.cache_ms = InpCacheMs;
   p.max_age_ms = InpMaxAgeMs;
   p.max_backoff_ms = InpMaxBackoffMs;
   p.accept_simulated = InpAcceptSimulated;
   p.push = InpPush;
   p.threshold = InpThreshold;
   p.max_range = InpMaxRange;
   p.last_range_s = InpLastRangeS;
  }

void ReadEntries(SBoxParameters &p)
  {
   p.max_spread = InpMaxSpread;
   p.straddle = InpStraddle;
   p.straddle_minutes = InpStraddleMinutes;
   p.reversion = InpReversion;
   p.trend = InpTrend;
   p.imbalance = InpImbalance;
   p.range_share = InpRangeShare;
   p.pause_s = InpPauseS;
   SetPeriod(p.periods[0], 0, 3, InpNightDistance, InpNightOrders, InpNightExtra);
   SetPeriod(p.periods[1], 11, 17, InpDayDistance, InpDayOrders, InpDayExtra);
   SetPeriod(p.periods[2], 17, 21, InpEveningDistance, InpEveningOrders, InpEveningExtra);
   SetPeriod(p.periods[3], 0, 24, InpOtherDistance, InpOtherOrders, InpOtherExtra);
   p.weekend_from_hour = InpWeekendFromHour;
   p.weekend_to_hour = InpWeekendToHour;
   p.news_minutes = InpNewsMinutes;
  }

void ReadMoney(SBoxParameters &p)
  {
   p.take = InpTake;
   p.stop = InpStop;
   p.risk_percent = InpRiskPercent;
   p.fixed_lots = InpFixedLots;
   p.max_lots = InpMaxLots;
   p.margin_share = InpMarginShare;
   p.adding = InpAdding;
   p.multiply = InpMultiply;
   p.least_gap = InpLeastGap;
   p.block_range = InpBlockRange;
   p.max_orders = InpMaxOrders;
   p.max_orders_a_day = InpMaxOrdersADay;
   p.daily_loss_percent = InpDailyLossPercent;
   p.daily_profit_percent = InpDailyProfitPercent;
   p.max_drawdown_percent = InpMaxDrawdownPercent;
   p.clear_drawdown = InpClearDrawdown;
   p.magic = InpMagic;
   p.deviation = InpDeviation;
   p.attempts = InpAttempts;
   p.settle_s = InpSettleS;
  }

//--- the inputs as parameters; what is wrong with a list, else empty
string ReadInputs(SBoxParameters &p)
  {
   ReadSidecar(p);
   ReadEntries(p);
   ReadMoney(p);
   if(!ReadTimes(InpNews, p.news, p.news_count))
      return("InpNews = " + InpNews + ": expected times like 08:30, separated by spaces");
   if(!ReadNumbers(InpGaps, p.gaps, p.gap_count))
      return("InpGaps = " + InpGaps + ": expected numbers separated by spaces");
   if(!ReadNumbers(InpMultipliers, p.multipliers, p.multiplier_count))
      return("InpMultipliers = " + InpMultipliers + ": expected numbers separated by spaces");
   return("");
  }

int OnInit(void)
  {
   SBoxParameters parameters;
   string why = ReadInputs(parameters);
   if(StringLen(why) == 0 && g_expert.Init(parameters, _Symbol, why))
     {
      EventSetMillisecondTimer(TIMER_MS);
      return(INIT_SUCCEEDED);
     }
   Alert("Trifecta: ", why);
   return(INIT_PARAMETERS_INCORRECT);
  }

void OnDeinit(const int reason)
  {
   EventKillTimer();
   g_expert.Stop();
  }

void OnTick(void) { g_expert.Tick(); }
void OnTimer(void) { g_expert.Timer(); }
void OnTrade(void) { g_expert.Traded(); }
