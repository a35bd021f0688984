//+------------------------------------------------------------------+
//| BoxExpert.mqh - puts the parts together, a tick and a timer at a |
//| time                                                             |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_BOX_EXPERT_MQH
#define TRIFECTA_BOX_EXPERT_MQH

#include <Trifecta/BoxLogic.mqh>
#include <Trifecta/OrderGate.mqh>
#include <Trifecta/Panel.mqh>
#include <Trifecta/RiskGuard.mqh>
#include <Trifecta/RiskSizer.mqh>
#include <Trifecta/TickPusher.mqh>

#define MOVE_PAUSE_MS 5000
#define STOP_MARGIN 1.2

class CBoxExpert
  {
private:
   SBoxParameters    m_p;
   string            m_symbol;
   CSidecarHttp      m_http;
   CSidecarClient    m_client;
   CMarketRange      m_range;
   COrderGate        m_gate;
   CBook             m_book;
   CRiskGuard        m_guard;
   CTickPusher       m_pusher;
   CPanel            m_panel;
   CStore            m_store;
   CAnnouncer        m_announcer;
   SInstrument       m_now;
   SView             m_view;
   bool              m_asks;          // the sidecar is asked: not in the Strategy Tester
   string            m_doing;
   datetime          m_last_entry;
   ulong             m_no_move_until_ms;

   void              Doing(const string what)
     {
      m_doing = what;
     }
   //--- a halt holds over a restart, and while the sidecar cannot be asked
   bool              Halted(string &why)
     {
      if(m_client.HaltKnown() && m_client.Halted() && !m_store.Has("halted"))
         m_store.Set("halted", 1.0);
      if(m_client.HaltKnown() && !m_client.Halted())
         m_store.Remove("halted");
      if(!m_asks || !m_store.Has("halted"))
         return(false);
      why = "halted: " + (m_client.HaltKnown() ? m_client.HaltReason() : "before the restart, the sidecar has not answered since");
      return(true);
     }
   //--- middle of the highest and lowest of the last bars; 0 when they are not there
   double            BoxMiddle(const ENUM_TIMEFRAMES timeframe) const
     {
      MqlRates bars[];
      string problem = "";
      if(!ReadBars(m_symbol, timeframe, "box", BOX_BARS, bars, problem))
         return(0.0);
      double high = bars[0].high;
      double low = bars[0].low;
      for(int i = 1; i < BOX_BARS; i++)
        {
         high = MathMax(high, bars[i].high);
         low = MathMin(low, bars[i].low);
        }
      return((high + low) / 2.0);
     }
   void              Look(void)
     {
      MqlRates day[];
      string problem = "";
      m_view.time = TimeCurrent();
      m_view.bid = m_now.bid;
      m_view.ask = m_now.ask;
      m_view.point = m_now.point;
      m_view.range = m_range.Read(m_client, m_asks);
      m_view.imbalance = 0.0;
      m_view.imbalance_known = m_asks && m_client.Imbalance(m_view.imbalance);
      m_view.day_open = (ReadBars(m_symbol, PERIOD_D1, "D1", 1, day, problem) ? day[0].open : 0.0);
      m_view.boxes[0] = BoxMiddle(PERIOD_M15);
      m_view.boxes[1] = BoxMiddle(PERIOD_M5);
      m_view.boxes[2] = BoxMiddle(PERIOD_H4);
     }
   //--- distance of a stop that the broker accepts and that is no nearer than asked
   double            StopDistance(void) const { return(MathMax(m_p.stop, LeastStop(m_now) * STOP_MARGIN)); }
   double            TakeDistance(void) const { return(MathMax(m_p.take, LeastStop(m_now) * STOP_MARGIN)); }
   //--- lots for a first entry; share of the risk where two orders are placed at once
   double            FirstVolume(const ENUM_ORDER_TYPE type, const double share, string &why)
     {
      const double room = (m_p.max_lots - m_book.Lots()) * share;
      const double allowance = m_guard.Allowance(m_book, m_now) * share;
      const double stop = StopDistance();
      double volume = 0.0;
      if(m_p.fixed_lots > 0.0)
        {
         volume = FlooredVolume(m_now, MathMin(m_p.fixed_lots, room));
         if(LossOf(m_now, volume, stop) > allowance)
            volume = 0.0;
        }
      else
         volume = RiskVolume(m_now, MathMin(AccountInfoDouble(ACCOUNT_EQUITY) * m_p.risk_percent / 100.0 * share, allowance), stop, room);
      volume = AffordableVolume(m_now, type, volume, m_now.ask, m_p.margin_share * share);
      if(volume <= 0.0)
         why = StringFormat("no volume: %.2f may be lost, %.2f lots are left, the least volume loses %.2f", allowance, room, LossOf(m_now, m_now.volume_min, stop));
      return(volume);
     }
   //--- lots for an added order: the side's stop moves away with it, and what that risks must be allowed too
   double            AddedVolume(const SSide &side, const bool buy, const double factor, string &why)
     {
      const double wanted = FlooredVolume(m_now, MathMin(side.first_volume * factor, m_p.max_lots - m_book.Lots()));
      const double volume = AffordableVolume(m_now, buy ? ORDER_TYPE_BUY : ORDER_TYPE_SELL, wanted, m_now.ask, m_p.margin_share);
      const double stop = (buy ? m_now.ask - StopDistance() * m_now.point : m_now.bid + StopDistance() * m_now.point);
      double risk = LossOf(m_now, volume, StopDistance());
      for(int i = 0; i < side.positions; i++)
         risk += LossOf(m_now, side.volumes[i], MathMax(0.0, (buy ? side.stops[i] - stop : stop - side.stops[i]) / m_now.point));
      if(volume > 0.0 && risk <= m_guard.Allowance(m_book, m_now))
         return(volume);
      why = StringFormat("not added: %.2f lots would risk %.2f, %.2f is allowed", wanted, risk, m_guard.Allowance(m_book, m_now));
      return(0.0);
     }
   void              Enter(const ENUM_ORDER_TYPE type, const double volume, const double price)
     {
      SEntry entry;
      entry.type = type;
      entry.volume = volume;
      entry.price = price;
      entry.stop = StopDistance();
      entry.take = TakeDistance();
      entry.minutes = m_p.straddle_minutes;
      if(m_gate.Enter(entry) == GATE_DONE)
         m_last_entry = TimeCurrent();
     }
   void              Straddle(const double offset, string &why)
     {
      const double distance = MathMax(offset, LeastStop(m_now) * STOP_MARGIN);
      const double volume = FirstVolume(ORDER_TYPE_BUY, 0.5, why);
      if(volume <= 0.0)
         return;
      Enter(ORDER_TYPE_BUY_STOP, volume, m_now.ask + distance * m_now.point);
      if(m_gate.Open(why))
         Enter(ORDER_TYPE_SELL_STOP, volume, m_now.bid - distance * m_now.point);
     }
   void              Carry(const SDecision &decision)
     {
      string why = decision.why;
      double volume = 0.0;
      switch(decision.action)
        {
         case ACTION_STRADDLE:
            Straddle(decision.offset, why);
            break;
         case ACTION_BUY:
         case ACTION_SELL:
           {
            const ENUM_ORDER_TYPE type = (decision.action == ACTION_BUY ? ORDER_TYPE_BUY : ORDER_TYPE_SELL);
            volume = FirstVolume(type, 1.0, why);
            if(volume > 0.0)
               Enter(type, volume, 0.0);
            break;
           }
         case ACTION_ADD_BUY:
            volume = AddedVolume(m_book.buys, true, decision.factor, why);
            if(volume > 0.0)
               Enter(ORDER_TYPE_BUY, volume, 0.0);
            break;
         case ACTION_ADD_SELL:
            volume = AddedVolume(m_book.sells, false, decision.factor, why);
            if(volume > 0.0)
               Enter(ORDER_TYPE_SELL, volume, 0.0);
            break;
         case ACTION_WAIT:
            break;
        }
      Doing(why);
     }
   void              RemovePending(const string why)
     {
      for(int i = 0; i < m_book.pending_count; i++)
         if(ClockMs() >= m_no_move_until_ms && m_gate.Remove(m_book.pending[i].ticket) != GATE_DONE)
           {
            m_no_move_until_ms = ClockMs() + MOVE_PAUSE_MS;
            m_announcer.Say(why + ", but an entry order is still there: " + m_gate.Error());
           }
     }
   //--- entry orders go when they are old, and when the other one has become a position
   void              TendPending(void)
     {
      const datetime oldest = (datetime)(TimeCurrent() - 60 * m_p.straddle_minutes);
      bool old = false;
      for(int i = 0; i < m_book.pending_count; i++)
         old = old || m_book.pending[i].since <= oldest;
      if(old || (!m_book.Flat() && m_book.pending_count > 0))
         RemovePending("entry orders are no longer wanted");
     }
   void              CloseSide(const SSide &side, const bool buy)
     {
      for(int i = 0; i < side.positions; i++)
         if(m_gate.MayClose())
            m_gate.Close(side.tickets[i], buy, side.volumes[i]);
     }
   void              Flatten(const string why)
     {
      Doing(why);
      RemovePending(why);
      CloseSide(m_book.buys, true);
      CloseSide(m_book.sells, false);
     }
   //--- every position has its stop and its take at the broker; those of a side move together
   void              KeepStops(const SSide &side, const bool buy)
     {
      const double take = NearestTick(m_now, SideTake(m_p, side, buy, m_now.point));
      const double stop = NearestTick(m_now, SideStop(m_p, side, buy, m_now.point));
      const double price = (buy ? m_now.bid : m_now.ask);
      const double way = (buy ? 1.0 : -1.0);
      const double least = (double)MathMax(m_now.stops_level, m_now.freeze_level) * m_now.point;
      for(int i = 0; i < side.positions; i++)
        {
         const bool bare = !(side.stops[i] > 0.0 && side.takes[i] > 0.0);
         const bool apart = MathAbs(side.stops[i] - stop) > m_now.tick_size / 2.0 || MathAbs(side.takes[i] - take) > m_now.tick_size / 2.0;
         if(!bare && (side.count < 2 || !apart))
            continue;
         if(way * (price - stop) <= least || way * (take - price) <= least)
           {
            if(bare && m_gate.MayClose())   // it cannot be given what it must have
               m_gate.Close(side.tickets[i], buy, side.volumes[i]);
            continue;
           }
         if(ClockMs() >= m_no_move_until_ms && m_gate.Move(side.tickets[i], stop, take) != GATE_DONE)
           {
            m_no_move_until_ms = ClockMs() + MOVE_PAUSE_MS;
            m_announcer.Say(m_gate.Error());
           }
        }
     }
   bool              MayEnter(string &why)
     {
      if(Halted(why) || !m_guard.MayEnter(why) || !m_gate.Open(why))
         return(false);
      if(TimeCurrent() - m_last_entry >= m_p.pause_s)
         return(true);
      why = "a pause after the last entry";
      return(false);
     }
   void              ShowPanel(void)
     {
      string halt = "no halt";
      const bool halted = Halted(halt);
      m_panel.Show(0, "Trifecta Box-EA " + m_symbol + ": " + m_doing, clrWhite);
      m_panel.Show(1, StringFormat("%s: %.0f points, %.1f s old %s", RangeSourceName(m_view.range.source), m_view.range.points, (double)m_view.range.age_ms / 1000.0,
                                   m_view.range.detail), m_view.range.source == RANGE_SIDECAR ? clrLimeGreen : clrOrange);
      m_panel.Show(2, m_view.imbalance_known ? StringFormat("imbalance %.3f", m_view.imbalance) : "imbalance: " + m_client.ImbalanceProblem(), clrSilver);
      m_panel.Show(3, "sidecar: " + m_client.Health(), clrSilver);
      m_panel.Show(4, halt, halted ? clrTomato : clrSilver);
      m_panel.Show(5, StringFormat("today %.2f, %d of %d orders", m_guard.Result(), m_guard.Entries(), m_p.max_orders_a_day), clrSilver);
      m_panel.Show(6, StringFormat("drawdown %.2f%% of %.1f%%", m_guard.Drawdown(), m_p.max_drawdown_percent), clrSilver);
      m_panel.Show(7, StringFormat("%d buys %.2f, %d sells %.2f, %d waiting", m_book.buys.count, m_book.buys.volume, m_book.sells.count, m_book.sells.volume,
                                   m_book.pending_count), clrSilver);
      m_panel.Show(8, StringFormat("pushed %I64d rows, %d wait, %I64d lost", m_pusher.Sent(), m_pusher.Waiting(), m_pusher.Dropped()), clrSilver);
      m_panel.Draw();
     }
public:
                     CBoxExpert(void) : m_symbol(""), m_asks(false), m_doing(""), m_last_entry(0), m_no_move_until_ms(0) {}
   //--- false when the parameters make no sense; why then names the one
   bool              Init(const SBoxParameters &parameters, const string symbol, string &why)
     {
      why = CheckParameters(parameters);
      if(StringLen(why) > 0)
         return(false);
      m_p = parameters;
      m_symbol = symbol;
      m_asks = m_p.use_sidecar && MQLInfoInteger(MQL_TESTER) == 0;
      SSidecarParameters asked;
      asked.symbol = m_p.sidecar_symbol;
      asked.horizon_s = m_p.horizon_s;
      asked.cache_ms = (ulong)m_p.cache_ms;
      asked.max_age_ms = m_p.max_age_ms;
      asked.max_range = m_p.max_range;
      asked.accept_simulated = m_p.accept_simulated;
      m_http.Init(m_p.use_sidecar || m_p.push ? m_p.url : "", m_p.token, m_p.timeout_ms, (ulong)m_p.max_backoff_ms);
      m_client.Init(asked);
      m_range.Init(symbol, m_p.threshold, (ulong)m_p.last_range_s * MS_PER_S);
      m_gate.Init(symbol, m_p.magic, m_p.deviation, m_p.attempts, m_p.settle_s);
      m_book.Init(symbol, m_p.magic);
      m_guard.Init(m_p, symbol);
      m_pusher.Init(symbol, m_p.push, (ulong)m_p.max_backoff_ms);
      m_store.Init(symbol, m_p.magic);
      m_panel.Init(MQLInfoInteger(MQL_TESTER) == 0 || MQLInfoInteger(MQL_VISUAL_MODE) != 0);
      m_view.range = m_range.Traditional();
      m_view.imbalance = 0.0;
      m_view.imbalance_known = false;
      m_last_entry = 0;
      m_no_move_until_ms = 0;
      Doing("started");
      return(true);
     }
   void              Tick(void)
     {
      string why = "";
      m_book.Scan();
      m_guard.Update(m_book.floating);
      if(!LoadInstrument(m_symbol, m_now, why))
        {
         Doing(why);
         return;
        }
      if(m_guard.Stopped(why))
        {
         Flatten(why);
         return;
        }
      if(Halted(why))
         RemovePending(why);
      TendPending();
      KeepStops(m_book.buys, true);
      KeepStops(m_book.sells, false);
      Look();
      if(MayEnter(why))
         Carry(Decide(m_p, m_view, m_book));
      else
         Doing(why);
     }
   //--- one request at most: each may take the time limit, and the chart waits for it
   void              Timer(void)
     {
      string why = "";
      m_pusher.Collect();
      if(!m_p.use_sidecar || !m_client.Poll(m_http))
         m_pusher.Flush(m_http);
      m_book.Scan();
      if(Halted(why))
         RemovePending(why);
      m_guard.DealsChanged();
      ShowPanel();
     }
   void              Traded(void) { m_guard.DealsChanged(); }
   void              Stop(void) { m_panel.Remove(); }
   string            WhatItDoes(void) const { return(m_doing); }
   SRange            LastRange(void) const { return(m_view.range); }
  };

#endif
