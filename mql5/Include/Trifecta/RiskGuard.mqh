//+------------------------------------------------------------------+
//| RiskGuard.mqh - daily loss and profit, drawdown, orders a day:   |
//| limits that hold until the next server day and over a restart    |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_RISK_GUARD_MQH
#define TRIFECTA_RISK_GUARD_MQH

#include <Trifecta/Book.mqh>
#include <Trifecta/Instrument.mqh>
#include <Trifecta/Parameters.mqh>
#include <Trifecta/Store.mqh>

class CRiskGuard
  {
private:
   string            m_symbol;
   ulong             m_magic;
   double            m_loss_percent;
   double            m_profit_percent;
   double            m_drawdown_percent;
   int               m_max_orders;
   CStore            m_store;
   long              m_day;
   double            m_day_balance;    // the account's balance when the server's day began
   double            m_day_floating;   // our floating result then
   double            m_realised;       // ours, since then
   int               m_entries;        // our entries since then
   double            m_peak;           // of the account's equity
   bool              m_stale;          // a deal may have happened
   string            m_stopped;        // why no more today
   bool              m_drawn_down;
   double            m_floating;

   long              Today(void) const { return((long)TimeCurrent() / S_PER_DAY); }
   void              ReadDeals(void)
     {
      m_realised = 0.0;
      m_entries = 0;
      if(!HistorySelect((datetime)(m_day * S_PER_DAY), (datetime)((m_day + 2) * S_PER_DAY)))
         return;
      for(int i = 0; i < HistoryDealsTotal(); i++)
        {
         const ulong deal = HistoryDealGetTicket(i);
         if(HistoryDealGetString(deal, DEAL_SYMBOL) != m_symbol || (ulong)HistoryDealGetInteger(deal, DEAL_MAGIC) != m_magic)
            continue;
         m_realised += HistoryDealGetDouble(deal, DEAL_PROFIT) + HistoryDealGetDouble(deal, DEAL_SWAP) +
                       HistoryDealGetDouble(deal, DEAL_COMMISSION) + HistoryDealGetDouble(deal, DEAL_FEE);
         if(HistoryDealGetInteger(deal, DEAL_ENTRY) != DEAL_ENTRY_OUT)
            m_entries++;
        }
      m_stale = false;
     }
   void              BeginDay(const long day, const double floating)
     {
      m_day = day;
      m_stopped = "";
      m_stale = true;
      m_day_floating = floating;
      m_day_balance = AccountInfoDouble(ACCOUNT_BALANCE);
      m_store.Set("day", (double)day);
      m_store.Set("day_floating", m_day_floating);
      m_store.Set("day_balance", m_day_balance);
      m_store.Remove("stopped");
     }
   void              Stop(const string why)
     {
      if(StringLen(m_stopped) > 0)
         return;
      m_stopped = why;
      m_store.Set("stopped", (double)m_day);
      m_store.Flush();
      Print("Trifecta: ", why, "; no more today");
     }
   void              WatchDrawdown(void)
     {
      const double equity = AccountInfoDouble(ACCOUNT_EQUITY);
      if(equity > m_peak)
        {
         m_peak = equity;
         m_store.Set("peak", m_peak);
        }
      if(m_drawn_down || equity > Floor())
         return;
      m_drawn_down = true;
      m_store.Set("drawn_down", 1.0);
      m_store.Flush();
      Print(StringFormat("Trifecta: equity %.2f is %.1f%% below its peak %.2f; nothing more until InpClearDrawdown", equity, m_drawdown_percent, m_peak));
     }
   double            Floor(void) const { return(m_peak * (1.0 - m_drawdown_percent / 100.0)); }
   double            LossLimit(void) const { return(m_day_balance * m_loss_percent / 100.0); }
   //--- what a side loses more than now when every stop is hit; nothing is known of a position without a stop
   double            ToStops(const SSide &side, const bool buy, const SInstrument &now) const
     {
      double money = 0.0;
      for(int i = 0; i < side.positions; i++)
        {
         const double price = (buy ? now.bid : now.ask);
         const double distance = (buy ? price - side.stops[i] : side.stops[i] - price);
         money += LossOf(now, side.volumes[i], MathMax(distance, 0.0) / now.point);
        }
      return(money);
     }
public:
                     CRiskGuard(void) : m_symbol(""), m_magic(0), m_loss_percent(0.0), m_profit_percent(0.0), m_drawdown_percent(0.0), m_max_orders(0),
                     m_day(0), m_day_balance(0.0), m_day_floating(0.0), m_realised(0.0), m_entries(0), m_peak(0.0), m_stale(true), m_stopped(""),
                     m_drawn_down(false), m_floating(0.0) {}
   void              Init(const SBoxParameters &p, const string symbol)
     {
      m_symbol = symbol;
      m_magic = p.magic;
      m_loss_percent = p.daily_loss_percent;
      m_profit_percent = p.daily_profit_percent;
      m_drawdown_percent = p.max_drawdown_percent;
      m_max_orders = p.max_orders_a_day;
      m_store.Init(symbol, p.magic);
      if(p.clear_drawdown)
        {
         m_store.Remove("drawn_down");
         m_store.Remove("peak");
        }
      m_day = (long)m_store.Get("day");
      m_day_balance = m_store.Get("day_balance");
      m_day_floating = m_store.Get("day_floating");
      m_peak = m_store.Get("peak");
      m_drawn_down = m_store.Has("drawn_down");
      m_stopped = (m_store.Has("stopped") ? "a daily limit was reached before the restart" : "");
      m_stale = true;
     }
   void              DealsChanged(void) { m_stale = true; }
   //--- brings every limit up to date; floating is our open result
   void              Update(const double floating)
     {
      m_floating = floating;
      if(Today() != m_day)
         BeginDay(Today(), floating);
      if(m_stale)
         ReadDeals();
      WatchDrawdown();
      if(Result() <= -LossLimit())
         Stop(StringFormat("daily loss %.2f has reached its limit %.2f", -Result(), LossLimit()));
      if(m_profit_percent > 0.0 && Result() >= m_day_balance * m_profit_percent / 100.0)
         Stop(StringFormat("daily profit %.2f has reached its limit", Result()));
     }
   //--- our result of the server's day, realised and floating
   double            Result(void) const { return(m_realised + m_floating - m_day_floating); }
   int               Entries(void) const { return(m_entries); }
   double            Drawdown(void) const { return(m_peak > 0.0 ? 100.0 * (1.0 - AccountInfoDouble(ACCOUNT_EQUITY) / m_peak) : 0.0); }
   //--- positions are closed and nothing is opened
   bool              Stopped(string &why) const
     {
      if(m_drawn_down)
         why = "the drawdown limit was reached";
      else if(StringLen(m_stopped) > 0)
         why = m_stopped;
      else
         return(false);
      return(true);
     }
   bool              MayEnter(string &why) const
     {
      if(Stopped(why))
         return(false);
      if(m_entries < m_max_orders)
         return(true);
      why = StringFormat("%d orders today, as many as allowed", m_entries);
      return(false);
     }
   //--- money that may still be lost if every stop that is set were hit
   double            Allowance(const CBook &book, const SInstrument &now) const
     {
      double risked = ToStops(book.buys, true, now) + ToStops(book.sells, false, now);
      for(int i = 0; i < book.pending_count; i++)
         risked += LossOf(now, book.pending[i].volume, MathAbs(book.pending[i].price - book.pending[i].stop) / now.point);
      const double today = Result() + LossLimit() - risked;
      const double drawdown = AccountInfoDouble(ACCOUNT_EQUITY) - risked - Floor();
      return(MathMin(today, drawdown));
     }
  };

#endif
