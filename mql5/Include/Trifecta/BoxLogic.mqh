//+------------------------------------------------------------------+
//| BoxLogic.mqh - what to do, from what is seen: no call that sends |
//| anything. Distances in points                                    |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_BOX_LOGIC_MQH
#define TRIFECTA_BOX_LOGIC_MQH

#include <Trifecta/Book.mqh>
#include <Trifecta/MarketRange.mqh>
#include <Trifecta/Parameters.mqh>

#define BOX_BARS 20
#define BOXES 3
#define MINUTES_A_DAY 1440

enum ENUM_ACTION
  {
   ACTION_WAIT     = 0,
   ACTION_STRADDLE = 1,
   ACTION_BUY      = 2,
   ACTION_SELL     = 3,
   ACTION_ADD_BUY  = 4,
   ACTION_ADD_SELL = 5
  };

//--- all that a decision depends on
struct SView
  {
   datetime          time;         // the server's
   double            bid;
   double            ask;
   double            point;
   SRange            range;
   bool              imbalance_known;
   double            imbalance;
   double            day_open;     // 0: not known
   double            boxes[BOXES]; // middle of 20 bars of M15, M5, H4; 0: not known
  };

struct SDecision
  {
   ENUM_ACTION       action;
   double            offset;       // of a straddle
   double            factor;       // volume, times the first one's
   string            why;
  };

//--- index of the part of the day; the last one is for the hours that no other covers
int PeriodAt(const SBoxParameters &p, const int hour)
  {
   for(int i = 0; i < PERIODS - 1; i++)
      if(hour >= p.periods[i].from_hour && hour < p.periods[i].to_hour)
         return(i);
   return(PERIODS - 1);
  }

bool IsWeekend(const SBoxParameters &p, const MqlDateTime &at)
  {
   if(at.day_of_week == 6 || at.day_of_week == 0)
      return(true);
   return((at.day_of_week == 5 && at.hour >= p.weekend_from_hour) || (at.day_of_week == 1 && at.hour < p.weekend_to_hour));
  }

bool IsNews(const SBoxParameters &p, const MqlDateTime &at)
  {
   const int minute = at.hour * 60 + at.min;
   for(int i = 0; i < p.news_count; i++)
     {
      const int apart = (int)MathAbs(minute - p.news[i]);
      if(MathMin(apart, MINUTES_A_DAY - apart) <= p.news_minutes)
         return(true);
     }
   return(false);
  }

//--- distance from its reference that an entry needs: the period's own and a share of the range
double EntryDistance(const SBoxParameters &p, const SView &view, const int hour)
  {
   return(p.periods[PeriodAt(p, hour)].distance + p.range_share * view.range.points);
  }

double GapOf(const SBoxParameters &p, const int order, const int hour)
  {
   const int step = MathMin(order - 2, p.gap_count - 1);
   return(MathMax(p.gaps[step], p.least_gap) + p.periods[PeriodAt(p, hour)].extra);
  }

//--- volume of an added order, times the first one's
double FactorOf(const SBoxParameters &p, const int order)
  {
   double factor = 1.0;
   for(int i = 0; p.multiply && i < order - 1; i++)
      factor *= p.multipliers[MathMin(i, p.multiplier_count - 1)];
   return(factor);
  }

SDecision Wait(const string why)
  {
   SDecision decision;
   decision.action = ACTION_WAIT;
   decision.offset = 0.0;
   decision.factor = 1.0;
   decision.why = why;
   return(decision);
  }

SDecision Act(const ENUM_ACTION action, const string why)
  {
   SDecision decision = Wait(why);
   decision.action = action;
   return(decision);
  }

//--- why nothing may be entered at all; empty when it may
string Filtered(const SBoxParameters &p, const SView &view, const MqlDateTime &at)
  {
   if(view.range.source == RANGE_NONE)
      return("no range: " + view.range.detail);
   const double spread = (view.ask - view.bid) / view.point;
   if(spread > (double)p.max_spread + 0.5)
      return(StringFormat("the spread is %.0f points, at most %d are allowed", spread, p.max_spread));
   if(IsWeekend(p, at))
      return("the weekend is near");
   if(IsNews(p, at))
      return("news are near");
   return("");
  }

//--- towards the middle of the first box that the price has left far enough
SDecision Revert(const SBoxParameters &p, const SView &view, const double distance)
  {
   const double price = (view.bid + view.ask) / 2.0;
   const double needed = MathMax(distance, p.reversion);
   for(int i = 0; i < BOXES; i++)
     {
      if(view.boxes[i] <= 0.0)
         continue;
      const double above = (price - view.boxes[i]) / view.point;
      if(MathAbs(above) >= needed)
         return(Act(above > 0.0 ? ACTION_SELL : ACTION_BUY, StringFormat("%.0f points from the middle of box %d", above, i + 1)));
     }
   return(Wait(StringFormat("no box is %.0f points away", needed)));
  }

//--- along the way that the day has gone
SDecision Follow(const SBoxParameters &p, const SView &view, const double distance, const string otherwise)
  {
   const double needed = MathMax(distance, p.trend);
   const double gone = ((view.bid + view.ask) / 2.0 - view.day_open) / view.point;
   if(view.day_open > 0.0 && MathAbs(gone) >= needed)
      return(Act(gone > 0.0 ? ACTION_BUY : ACTION_SELL, StringFormat("%.0f points from the day's open", gone)));
   return(Wait(otherwise));
  }

SDecision FirstEntry(const SBoxParameters &p, const SView &view, const int hour)
  {
   const double distance = EntryDistance(p, view, hour);
   if(view.range.points > p.threshold)
     {
      SDecision straddle = Act(ACTION_STRADDLE, StringFormat("the range %.0f is above %.0f", view.range.points, p.threshold));
      straddle.offset = MathMax(p.straddle, distance);
      return(straddle);
     }
   if(view.imbalance_known && MathAbs(view.imbalance) >= p.imbalance)
     {
      const double away = MathAbs((view.bid + view.ask) / 2.0 - view.boxes[0]) / view.point;
      if(view.boxes[0] > 0.0 && away >= distance)
         return(Act(view.imbalance > 0.0 ? ACTION_BUY : ACTION_SELL, StringFormat("imbalance %.3f", view.imbalance)));
      return(Wait(StringFormat("imbalance %.3f, but only %.0f of %.0f points from the box", view.imbalance, away, distance)));
     }
   const SDecision reversion = Revert(p, view, distance);
   if(reversion.action != ACTION_WAIT)
      return(reversion);
   return(Follow(p, view, distance, reversion.why));
  }

//--- whether one more order joins a side that the price moves against
SDecision AddTo(const SBoxParameters &p, const SView &view, const SSide &side, const bool buy, const int hour)
  {
   const int order = side.count + 1;
   const int most = MathMin(p.max_orders, p.periods[PeriodAt(p, hour)].max_orders);
   if(order > most)
      return(Wait(StringFormat("%d orders, as many as allowed now", side.count)));
   if(view.range.points >= p.block_range && view.imbalance_known && (buy ? -view.imbalance : view.imbalance) > p.imbalance)
      return(Wait("adding is blocked: a wide range and order flow against the side"));
   const double against = (buy ? side.newest_price - view.ask : view.bid - side.newest_price) / view.point;
   const double apart = (buy ? side.lowest - view.ask : view.bid - side.highest) / view.point;
   const double gap = GapOf(p, order, hour);
   if(against < gap || apart < p.least_gap)
      return(Wait(StringFormat("%.0f of %.0f points to the next order", against, gap)));
   SDecision adding = Act(buy ? ACTION_ADD_BUY : ACTION_ADD_SELL, StringFormat("order %d, %.0f points from the newest", order, against));
   adding.factor = FactorOf(p, order);
   return(adding);
  }

//--- the decision of a moment
SDecision Decide(const SBoxParameters &p, const SView &view, const CBook &book)
  {
   MqlDateTime at;
   TimeToStruct(view.time, at);
   const string filtered = Filtered(p, view, at);
   if(StringLen(filtered) > 0)
      return(Wait(filtered));
   if(book.foreign)
      return(Wait("somebody else trades this symbol on a netting account"));
   if(book.Flat())
      return(book.pending_count > 0 ? Wait("entry orders wait at the broker") : FirstEntry(p, view, at.hour));
   if(!p.adding)
      return(Wait("in position"));
   SDecision decision = Wait("in position");
   if(book.buys.positions > 0)
      decision = AddTo(p, view, book.buys, true, at.hour);
   if(decision.action == ACTION_WAIT && book.sells.positions > 0)
      decision = AddTo(p, view, book.sells, false, at.hour);
   return(decision);
  }

//--- stop and take of a whole side: the take from its average, the stop from its newest entry
double SideTake(const SBoxParameters &p, const SSide &side, const bool buy, const double point)
  {
   return(side.average + (buy ? 1.0 : -1.0) * p.take * point);
  }
double SideStop(const SBoxParameters &p, const SSide &side, const bool buy, const double point)
  {
   return(side.newest_price - (buy ? 1.0 : -1.0) * p.stop * point);
  }

#endif
