//+------------------------------------------------------------------+
//| TickPusher.mqh - the symbol's ticks and closed bars, in batches, |
//| each stored once whatever happens on the way                     |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_TICK_PUSHER_MQH
#define TRIFECTA_TICK_PUSHER_MQH

#include <Trifecta/Http.mqh>

#define PUSH_QUEUE 4000
#define PUSH_BATCH 400
#define PUSH_COPY 2000
#define PUSH_BARS 200
#define PUSH_TIMEFRAMES 4
#define PUSH_BARS_EVERY_MS 10000

class CTickPusher
  {
private:
   string            m_symbol;
   bool              m_enabled;
   string            m_session;
   long              m_sequence;       // of the batch that is under way
   string            m_body;           // it is sent unchanged until it is taken
   string            m_path;
   int               m_rows;
   CBackoff          m_backoff;
   string            m_problem;
   CAnnouncer        m_announcer;
   //--- ticks that wait, oldest at m_first; the oldest are lost when there are too many
   MqlTick           m_ticks[PUSH_QUEUE];
   int               m_first;
   int               m_waiting;
   long              m_dropped;
   long              m_sent;
   long              m_newest_msc;     // the newest tick taken, and how many of its millisecond
   int               m_taken_of_newest;
   long              m_told_dropped;   // in the batch that is under way
   datetime          m_bar_next[PUSH_TIMEFRAMES];
   ulong             m_bars_due_ms;

   ENUM_TIMEFRAMES   Timeframe(const int index) const
     {
      switch(index)
        {
         case 0:
            return(PERIOD_M15);
         case 1:
            return(PERIOD_H1);
         case 2:
            return(PERIOD_H4);
        }
      return(PERIOD_D1);
     }
   string            TimeframeName(const int index) const
     {
      switch(index)
        {
         case 0:
            return("M15");
         case 1:
            return("H1");
         case 2:
            return("H4");
        }
      return("D1");
     }
   void              Queue(const MqlTick &tick)
     {
      if(m_waiting == PUSH_QUEUE)
        {
         m_first = (m_first + 1) % PUSH_QUEUE;
         m_waiting--;
         m_dropped++;
        }
      m_ticks[(m_first + m_waiting) % PUSH_QUEUE] = tick;
      m_waiting++;
     }
   //--- the terminal's own offset from UTC, in quarters of an hour; null when it is not known
   string            Offset(void) const
     {
      if(TimeTradeServer() <= 0 || TimeGMT() <= 0)
         return("null");
      const double quarters = MathRound((double)(TimeTradeServer() - TimeGMT()) / 900.0);
      return(IntegerToString((long)quarters * 900));
     }
   string            Price(const double price) const { return(DoubleToString(price, _Digits)); }
   string            Head(void) const
     {
      return("{\"source\":" + JsonQuoted(AccountInfoString(ACCOUNT_SERVER)) + ",\"session\":\"" + m_session + "\",\"sequence\":" + IntegerToString(m_sequence) +
             ",\"server_utc_offset_s\":" + Offset() + ",\"dropped\":" + IntegerToString(m_dropped) + ",\"symbols\":{" + JsonQuoted(m_symbol) +
             ":{\"digits\":" + IntegerToString(_Digits) + ",\"point\":" + DoubleToString(_Point, 8) + "}}");
     }
   string            TickRow(const MqlTick &tick) const
     {
      return("[" + JsonQuoted(m_symbol) + "," + IntegerToString(tick.time_msc) + "," + Price(tick.bid) + "," + Price(tick.ask) + "," + Price(tick.last) + "," +
             DoubleToString(tick.volume_real, 2) + "," + IntegerToString((long)tick.flags) + "]");
     }
   string            BarRow(const MqlRates &bar, const string timeframe) const
     {
      return("[" + JsonQuoted(m_symbol) + ",\"" + timeframe + "\"," + IntegerToString((long)bar.time) + "," + Price(bar.open) + "," + Price(bar.high) + "," +
             Price(bar.low) + "," + Price(bar.close) + "," + IntegerToString(bar.tick_volume) + "," + IntegerToString(bar.spread) + "," +
             IntegerToString(bar.real_volume) + "]");
     }
   void              Begin(const string path, const string rows, const int count)
     {
      m_path = path;
      m_body = Head() + rows;
      m_rows = count;
      m_told_dropped = m_dropped;
      m_dropped = 0;
     }
   void              BatchTicks(void)
     {
      string rows = ",\"ticks\":[";
      const int count = MathMin(m_waiting, PUSH_BATCH);
      for(int i = 0; i < count; i++)
         rows += (i > 0 ? "," : "") + TickRow(m_ticks[(m_first + i) % PUSH_QUEUE]);
      m_first = (m_first + count) % PUSH_QUEUE;
      m_waiting -= count;
      Begin("/mt5/ticks", rows + "]}", count);
     }
   //--- the bars of one timeframe that closed since the last batch; false without any
   bool              BatchBars(void)
     {
      if(ClockMs() < m_bars_due_ms)
         return(false);
      MqlRates bars[];
      ArraySetAsSeries(bars, false);
      for(int index = 0; index < PUSH_TIMEFRAMES; index++)
        {
         const int copied = CopyRates(m_symbol, Timeframe(index), 1, PUSH_BARS, bars);
         string rows = "";
         int count = 0;
         datetime newest = m_bar_next[index];
         for(int i = 0; i < copied; i++)
           {
            if(bars[i].time < m_bar_next[index])
               continue;
            rows += (count > 0 ? "," : "") + BarRow(bars[i], TimeframeName(index));
            newest = (datetime)(bars[i].time + 1);
            count++;
           }
         if(count == 0)
            continue;
         m_bar_next[index] = newest;
         Begin("/mt5/bars", ",\"bars\":[" + rows + "]}", count);
         return(true);
        }
      m_bars_due_ms = ClockMs() + PUSH_BARS_EVERY_MS;
      return(false);
     }
   void              Finish(void)
     {
      m_body = "";
      m_sequence++;
     }
   void              Conclude(const ENUM_HTTP_OUTCOME outcome, const int status, const string error)
     {
      m_problem = error;
      if(outcome == HTTP_FINE)
        {
         m_sent += m_rows;
         m_backoff.Worked();
         Finish();
         return;
        }
      m_announcer.Say("ticks are not taken: " + error);
      if(status == 413 || status == 422)   // it will never be taken: the receiver sees the gap in the sequence
        {
         m_dropped += m_rows + m_told_dropped;
         Finish();
        }
      m_backoff.Failed(ClockMs());
     }
public:
                     CTickPusher(void) : m_symbol(""), m_enabled(false), m_session(""), m_sequence(1), m_body(""), m_path(""), m_rows(0), m_problem(""), m_first(0),
                     m_waiting(0), m_dropped(0), m_sent(0), m_newest_msc(0), m_taken_of_newest(0), m_told_dropped(0), m_bars_due_ms(0) {}
   void              Init(const string symbol, const bool enabled, const ulong longest_backoff_ms)
     {
      m_symbol = symbol;
      m_enabled = enabled && MQLInfoInteger(MQL_TESTER) == 0;
      m_session = NewSession();
      m_sequence = 1;
      m_body = "";
      m_first = 0;
      m_waiting = 0;
      m_dropped = 0;
      m_sent = 0;
      m_told_dropped = 0;
      m_bars_due_ms = 0;
      m_problem = "";
      m_newest_msc = (long)SymbolInfoInteger(symbol, SYMBOL_TIME_MSC);
      m_taken_of_newest = 0;
      m_backoff.Worked();
      m_backoff.Longest(longest_backoff_ms);
      for(int i = 0; i < PUSH_TIMEFRAMES; i++)
         m_bar_next[i] = 0;
     }
   //--- 16 hexadecimal digits that no other start has
   string            NewSession(void)
     {
      string session = "";
      MathSrand((int)((GetMicrosecondCount() + (ulong)TimeLocal() * 7919 + (ulong)ChartID()) % 2147483647));
      for(int i = 0; i < 4; i++)
         session += StringFormat("%04x", (MathRand() * 2 + MathRand() % 2) % 65536);
      return(session);
     }
   //--- takes what the terminal has since the last time: OnTick alone would miss ticks that came together
   void              Collect(void)
     {
      if(!m_enabled)
         return;
      MqlTick ticks[];
      const int copied = CopyTicks(m_symbol, ticks, COPY_TICKS_ALL, (ulong)m_newest_msc, PUSH_COPY);
      int known = m_taken_of_newest;   // of the newest millisecond: they come again
      for(int i = 0; i < copied; i++)
        {
         if(ticks[i].time_msc != m_newest_msc)
           {
            m_newest_msc = ticks[i].time_msc;
            m_taken_of_newest = 0;
            known = 0;
           }
         if(known > 0)
           {
            known--;
            continue;
           }
         m_taken_of_newest++;
         Queue(ticks[i]);
        }
     }
   //--- sends at most one batch; true when one was sent
   bool              Flush(CSidecarHttp &http)
     {
      if(!m_enabled || !http.Ready() || m_backoff.Waits(ClockMs()))
         return(false);
      if(StringLen(m_body) == 0)
        {
         if(!BatchBars() && m_waiting == 0)
            return(false);
         if(StringLen(m_body) == 0)
            BatchTicks();
        }
      string answer = "";
      const ENUM_HTTP_OUTCOME outcome = http.Post(m_path, m_body, answer);
      Conclude(outcome, http.Status(), http.Error());
      return(true);
     }
   long              Sent(void) const { return(m_sent); }
   long              Dropped(void) const { return(m_dropped); }
   int               Waiting(void) const { return(m_waiting); }
   long              Sequence(void) const { return(m_sequence); }
   string            Session(void) const { return(m_session); }
   string            Problem(void) const { return(m_problem); }
  };

#endif
