//+------------------------------------------------------------------+
//| MarketRange.mqh - the range in points, and where it comes from:  |
//| the sidecar, else the bars of H1, H4 and D1                      |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_MARKET_RANGE_MQH
#define TRIFECTA_MARKET_RANGE_MQH

#include <Trifecta/SidecarClient.mqh>

#define RANGE_H1_BARS 10
#define RANGE_H4_BARS 5
#define RANGE_D1_BARS 3

enum ENUM_RANGE_SOURCE
  {
   RANGE_NONE        = 0,
   RANGE_SIDECAR     = 1,
   RANGE_TRADITIONAL = 2,
   RANGE_LAST        = 3  // the last traditional one: bars are missing now
  };

struct SRange
  {
   double            points;
   ENUM_RANGE_SOURCE source;
   ulong             age_ms;
   string            detail;
  };

string RangeSourceName(const ENUM_RANGE_SOURCE source)
  {
   switch(source)
     {
      case RANGE_SIDECAR:
         return("range of the sidecar");
      case RANGE_TRADITIONAL:
         return("traditional range");
      case RANGE_LAST:
         return("last traditional range");
      case RANGE_NONE:
         break;
     }
   return("no range");
  }

//--- highest high minus lowest low, in points
double SpanPoints(const MqlRates &bars[], const double point)
  {
   double high = bars[0].high;
   double low = bars[0].low;
   for(int i = 1; i < ArraySize(bars); i++)
     {
      high = MathMax(high, bars[i].high);
      low = MathMin(low, bars[i].low);
     }
   return((high - low) / point);
  }

//--- exactly count bars, newest first, the current one included; false and a problem without them
bool ReadBars(const string symbol, const ENUM_TIMEFRAMES timeframe, const string name, const int count, MqlRates &bars[], string &problem)
  {
   ArraySetAsSeries(bars, true);
   const int copied = CopyRates(symbol, timeframe, 0, count, bars);
   if(copied < count)
     {
      problem = StringFormat("%d of %d %s bars are there", MathMax(copied, 0), count, name);
      return(false);
     }
   for(int i = 0; i < count; i++)
      if(!(bars[i].low > 0.0 && bars[i].high >= bars[i].low))
        {
         problem = StringFormat("bar %d of %s has high %.8g below low %.8g", i, name, bars[i].high, bars[i].low);
         return(false);
        }
   return(true);
  }

//--- the three spans weighed by the regime of the daily bars' mean height; all in points
double WeighSpans(const double h1, const double h4, const double d1, const double atr, const double threshold)
  {
   if(atr > 1.5 * threshold)
      return(0.5 * h1 + 0.3 * h4 + 0.2 * d1);
   if(atr > threshold)
      return(0.4 * h1 + 0.4 * h4 + 0.2 * d1);
   return(0.2 * h1 + 0.3 * h4 + 0.5 * d1);
  }

class CTraditionalRange
  {
private:
   string            m_symbol;
   double            m_threshold;
   ulong             m_last_for_ms;
   double            m_last;
   ulong             m_last_at_ms;

   bool              Compute(double &points, string &problem) const
     {
      MqlRates h1[];
      MqlRates h4[];
      MqlRates d1[];
      const double point = SymbolInfoDouble(m_symbol, SYMBOL_POINT);
      if(!(point > 0.0))
        {
         problem = m_symbol + " has no point size";
         return(false);
        }
      if(!ReadBars(m_symbol, PERIOD_H1, "H1", RANGE_H1_BARS, h1, problem) ||
         !ReadBars(m_symbol, PERIOD_H4, "H4", RANGE_H4_BARS, h4, problem) ||
         !ReadBars(m_symbol, PERIOD_D1, "D1", RANGE_D1_BARS, d1, problem))
         return(false);
      const double atr = ((d1[1].high - d1[1].low) + (d1[2].high - d1[2].low)) / 2.0 / point;
      points = WeighSpans(SpanPoints(h1, point), SpanPoints(h4, point), SpanPoints(d1, point), atr, m_threshold);
      if(points > 0.0)
         return(true);
      problem = "the bars have no height";
      return(false);
     }
public:
                     CTraditionalRange(void) : m_symbol(""), m_threshold(0.0), m_last_for_ms(0), m_last(0.0), m_last_at_ms(0) {}
   void              Init(const string symbol, const double threshold, const ulong last_for_ms)
     {
      m_symbol = symbol;
      m_threshold = threshold;
      m_last_for_ms = last_for_ms;
      m_last = 0.0;
      m_last_at_ms = 0;
     }
   SRange            Read(void)
     {
      SRange range;
      range.points = 0.0;
      range.source = RANGE_TRADITIONAL;
      range.age_ms = 0;
      range.detail = "";
      const ulong now_ms = ClockMs();
      if(Compute(range.points, range.detail))
        {
         m_last = range.points;
         m_last_at_ms = now_ms;
         return(range);
        }
      range.age_ms = now_ms - m_last_at_ms;
      range.source = RANGE_NONE;
      range.points = 0.0;
      if(m_last > 0.0 && range.age_ms <= m_last_for_ms)
        {
         range.points = m_last;
         range.source = RANGE_LAST;
        }
      return(range);
     }
  };

//--- the sidecar's range while it may be used, else the traditional one; says when that changes, and why
class CMarketRange
  {
private:
   CTraditionalRange m_traditional;
   CAnnouncer        m_announcer;
public:
   void              Init(const string symbol, const double threshold, const ulong last_for_ms)
     {
      m_traditional.Init(symbol, threshold, last_for_ms);
     }
   SRange            Traditional(void) { return(m_traditional.Read()); }
   SRange            Read(const CSidecarClient &client, const bool asked)
     {
      double points = 0.0;
      if(asked && client.Range(points))
        {
         SRange told;
         told.points = points;
         told.source = RANGE_SIDECAR;
         told.age_ms = client.RangeAgeMs();
         told.detail = client.RangeOrigin();
         m_announcer.Say("range of the sidecar (" + told.detail + ")");
         return(told);
        }
      SRange range = m_traditional.Read();
      const string because = (asked ? client.RangeProblem() : "the sidecar is not asked");
      range.detail = (StringLen(range.detail) > 0 ? range.detail + "; " : "") + because;
      m_announcer.Say(RangeSourceName(range.source) + ": " + range.detail);
      return(range);
     }
  };

#endif
