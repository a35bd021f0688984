//+------------------------------------------------------------------+
//| Parameters.mqh - what the user may set, and what is nonsense     |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_PARAMETERS_MQH
#define TRIFECTA_PARAMETERS_MQH

#include <Trifecta/Http.mqh>

#define MAX_STEPS 32
#define MAX_NEWS 16
#define PERIODS 4

//--- one part of the server's day
struct SPeriod
  {
   int               from_hour;
   int               to_hour;
   double            distance;   // points of the first entry
   int               max_orders;
   double            extra;      // points added to every gap
  };

struct SBoxParameters
  {
   string            url;
   string            token;
   string            sidecar_symbol;
   bool              use_sidecar;
   bool              push;
   int               timeout_ms;
   int               cache_ms;
   int               max_age_ms;
   int               max_backoff_ms;
   int               horizon_s;
   bool              accept_simulated;
   double            threshold;
   double            max_range;
   int               last_range_s;
   int               max_spread;
   double            straddle;
   int               straddle_minutes;
   double            reversion;
   double            trend;
   double            imbalance;
   double            range_share;
   int               pause_s;
   int               weekend_from_hour;
   int               weekend_to_hour;
   int               news_minutes;
   int               news_count;
   int               news[MAX_NEWS];        // minutes of the day
   SPeriod           periods[PERIODS];      // the last one is for all other hours
   double            take;
   double            stop;
   double            risk_percent;
   double            fixed_lots;
   double            max_lots;
   double            margin_share;
   bool              adding;
   bool              multiply;
   double            least_gap;
   double            block_range;
   int               max_orders;
   int               gap_count;
   double            gaps[MAX_STEPS];       // points, of orders 2, 3, ...
   int               multiplier_count;
   double            multipliers[MAX_STEPS];
   int               max_orders_a_day;
   double            daily_loss_percent;
   double            daily_profit_percent;
   double            max_drawdown_percent;
   bool              clear_drawdown;
   ulong             magic;
   int               deviation;
   int               attempts;
   int               settle_s;
  };

//--- numbers separated by spaces; false when something else stands there, or too many
bool ReadNumbers(const string text, double &numbers[], int &count)
  {
   string parts[];
   count = 0;
   const int found = StringSplit(text, ' ', parts);
   for(int i = 0; i < found; i++)
     {
      if(StringLen(parts[i]) == 0)
         continue;
      for(int k = 0; k < StringLen(parts[i]); k++)
        {
         const ushort letter = StringGetCharacter(parts[i], k);
         if((letter < '0' || letter > '9') && letter != '.')
            return(false);
        }
      if(count >= ArraySize(numbers))
         return(false);
      numbers[count] = StringToDouble(parts[i]);
      count++;
     }
   return(true);
  }

//--- times of day like 08:30, separated by spaces, as minutes
bool ReadTimes(const string text, int &minutes[], int &count)
  {
   string parts[];
   count = 0;
   const int found = StringSplit(text, ' ', parts);
   for(int i = 0; i < found; i++)
     {
      if(StringLen(parts[i]) == 0)
         continue;
      const long hour = StringToInteger(StringSubstr(parts[i], 0, 2));
      const long minute = StringToInteger(StringSubstr(parts[i], 3, 2));
      if(StringLen(parts[i]) != 5 || StringGetCharacter(parts[i], 2) != ':' || hour < 0 || hour > 23 || minute < 0 || minute > 59 || count >= ArraySize(minutes))
         return(false);
      minutes[count] = (int)(hour * 60 + minute);
      count++;
     }
   return(true);
  }

//--- "name = value: expected ..." when value is outside, else empty
string Outside(const string name, const double value, const double least, const double most)
  {
   if(value >= least && value <= most)
      return("");
   return(StringFormat("%s = %g: expected %g to %g", name, value, least, most));
  }

//--- the first of the two that says something
string Either(const string first, const string second) { return(StringLen(first) > 0 ? first : second); }

string CheckSidecar(const SBoxParameters &p)
  {
   string problem = AddressProblem(p.url);
   if(StringLen(problem) > 0)
      return("InpUrl " + problem);
   problem = TokenProblem(p.token);
   if(StringLen(problem) > 0)
      return("InpToken " + problem);
   if(StringLen(p.sidecar_symbol) < 1 || StringLen(p.sidecar_symbol) > 32)
      return("InpSidecarSymbol must have 1 to 32 letters");
   for(int i = 0; i < StringLen(p.sidecar_symbol); i++)
     {
      const ushort c = StringGetCharacter(p.sidecar_symbol, i);
      const bool fine = ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '#' || c == '-');
      if(!fine)
         return("InpSidecarSymbol = " + p.sidecar_symbol + ": letters, digits and . _ # - only; name the symbol as the sidecar knows it");
     }
   problem = Outside("InpTimeoutMs", p.timeout_ms, 50, HTTP_MAX_TIMEOUT_MS);
   problem = Either(problem, Outside("InpCacheMs", p.cache_ms, 1000, 60000));
   problem = Either(problem, Outside("InpMaxAgeMs", p.max_age_ms, p.cache_ms, 600000));
   problem = Either(problem, Outside("InpMaxBackoffMs", p.max_backoff_ms, 1000, 600000));
   if(p.horizon_s != 0)
      problem = Either(problem, Outside("InpHorizonS", p.horizon_s, 60, S_PER_DAY));
   return(problem);
  }

string CheckRange(const SBoxParameters &p)
  {
   string problem = Outside("InpThreshold", p.threshold, 1.0, 1e7);
   problem = Either(problem, Outside("InpMaxRange", p.max_range, 1.0, 1e8));
   return(Either(problem, Outside("InpLastRangeS", p.last_range_s, 0, S_PER_DAY)));
  }

string CheckEntries(const SBoxParameters &p)
  {
   string problem = Outside("InpMaxSpread", p.max_spread, 1, 1e6);
   problem = Either(problem, Outside("InpStraddle", p.straddle, 1.0, 1e6));
   problem = Either(problem, Outside("InpStraddleMinutes", p.straddle_minutes, 1, 1440));
   problem = Either(problem, Outside("InpReversion", p.reversion, 1.0, 1e6));
   problem = Either(problem, Outside("InpTrend", p.trend, 1.0, 1e6));
   problem = Either(problem, Outside("InpImbalance", p.imbalance, 0.001, 1.0));
   problem = Either(problem, Outside("InpRangeShare", p.range_share, 0.0, 1.0));
   problem = Either(problem, Outside("InpPauseS", p.pause_s, 0, S_PER_DAY));
   problem = Either(problem, Outside("InpWeekendFromHour", p.weekend_from_hour, 0, 24));
   problem = Either(problem, Outside("InpWeekendToHour", p.weekend_to_hour, 0, 24));
   problem = Either(problem, Outside("InpNewsMinutes", p.news_minutes, 0, 240));
   for(int i = 0; i < PERIODS; i++)
     {
      problem = Either(problem, Outside("a period's distance", p.periods[i].distance, 0.0, 1e6));
      problem = Either(problem, Outside("a period's orders", p.periods[i].max_orders, 0, MAX_STEPS));
      problem = Either(problem, Outside("a period's extra", p.periods[i].extra, 0.0, 1e6));
     }
   return(problem);
  }

//--- a stop nearer than the next gap would close the side before anything could be added: the original's grid that never was
string CheckAdding(const SBoxParameters &p)
  {
   if(!p.adding)
      return(p.multiply ? "InpMultiply needs InpAdding" : "");
   if(p.gap_count < 1 || (p.multiply && p.multiplier_count < 1))
      return("InpGaps and InpMultipliers must hold numbers when adding is on");
   double widest = p.least_gap;
   for(int i = 0; i < p.gap_count; i++)
     {
      const string problem = Outside("a gap", p.gaps[i], 1.0, 1e6);
      if(StringLen(problem) > 0)
         return(problem);
      widest = MathMax(widest, p.gaps[i]);
     }
   double extra = 0.0;
   for(int i = 0; i < PERIODS; i++)
      extra = MathMax(extra, p.periods[i].extra);
   if(p.stop <= widest + extra)
      return(StringFormat("InpStop = %g: with adding it must be more than the widest gap, %g points, or no order is ever added", p.stop, widest + extra));
   for(int i = 0; p.multiply && i < p.multiplier_count; i++)
      if(p.multipliers[i] < 1.0 || p.multipliers[i] > 3.0)
         return(StringFormat("a multiplier = %g: expected 1 to 3", p.multipliers[i]));
   return("");
  }

string CheckMoney(const SBoxParameters &p)
  {
   string problem = Outside("InpTake", p.take, 1.0, 1e6);
   problem = Either(problem, Outside("InpStop", p.stop, 1.0, 1e6));
   problem = Either(problem, Outside("InpRiskPercent", p.risk_percent, 0.01, 10.0));
   problem = Either(problem, Outside("InpFixedLots", p.fixed_lots, 0.0, p.max_lots));
   problem = Either(problem, Outside("InpMaxLots", p.max_lots, 0.001, 1000.0));
   problem = Either(problem, Outside("InpMarginShare", p.margin_share, 0.01, 0.95));
   problem = Either(problem, Outside("InpLeastGap", p.least_gap, 1.0, 1e6));
   problem = Either(problem, Outside("InpMaxOrders", p.max_orders, 1, MAX_STEPS));
   problem = Either(problem, Outside("InpMaxOrdersADay", p.max_orders_a_day, 1, 1000));
   problem = Either(problem, Outside("InpDailyLossPercent", p.daily_loss_percent, 0.1, 50.0));
   problem = Either(problem, Outside("InpDailyProfitPercent", p.daily_profit_percent, 0.0, 1000.0));
   problem = Either(problem, Outside("InpMaxDrawdownPercent", p.max_drawdown_percent, 0.5, 90.0));
   problem = Either(problem, Outside("InpMagic", (double)p.magic, 1.0, 9e15));
   problem = Either(problem, Outside("InpDeviation", p.deviation, 0, 10000));
   problem = Either(problem, Outside("InpAttempts", p.attempts, 1, 10));
   return(Either(problem, Outside("InpSettleS", p.settle_s, 1, 600)));
  }

//--- the first thing wrong with the parameters, with name, value and what is expected; empty when all make sense
string CheckParameters(const SBoxParameters &p)
  {
   string problem = "";
   if(p.use_sidecar || p.push)
      problem = CheckSidecar(p);
   problem = Either(problem, CheckRange(p));
   problem = Either(problem, CheckEntries(p));
   problem = Either(problem, CheckMoney(p));
   return(Either(problem, CheckAdding(p)));
  }

#endif
