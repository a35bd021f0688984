//+------------------------------------------------------------------+
//| Clock.mqh - the one clock that ages and pauses are measured with |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_CLOCK_MQH
#define TRIFECTA_CLOCK_MQH

#define MS_PER_S 1000
#define S_PER_HOUR 3600
#define S_PER_DAY 86400

//--- milliseconds that never run backwards. TimeCurrent() stands still without ticks, so that no age may be measured with it;
//--- in the Strategy Tester it is the only clock that repeats.
ulong ClockMs(void)
  {
   if(MQLInfoInteger(MQL_TESTER) != 0)
      return((ulong)TimeCurrent() * MS_PER_S);
   return(GetTickCount64());
  }

//--- how long to leave something alone that failed: 1 s, 2 s, 4 s ... up to a limit
class CBackoff
  {
private:
   int               m_failures;
   ulong             m_until_ms;
   ulong             m_longest_ms;
public:
                     CBackoff(void) : m_failures(0), m_until_ms(0), m_longest_ms(30 * MS_PER_S) {}
   void              Longest(const ulong longest_ms) { m_longest_ms = longest_ms; }
   bool              Waits(const ulong now_ms) const { return(now_ms < m_until_ms); }
   int               Failures(void) const { return(m_failures); }
   void              Worked(void)
     {
      m_failures = 0;
      m_until_ms = 0;
     }
   void              Failed(const ulong now_ms)
     {
      ulong wait_ms = MS_PER_S;
      for(int i = 0; i < m_failures && wait_ms < m_longest_ms; i++)
         wait_ms *= 2;
      m_failures++;
      m_until_ms = now_ms + MathMin(wait_ms, m_longest_ms);
     }
  };

//--- says something once, and again when it changes
class CAnnouncer
  {
private:
   string            m_said;
public:
                     CAnnouncer(void) : m_said("") {}
   void              Say(const string text)
     {
      if(StringLen(text) == 0 || text == m_said)
         return;
      m_said = text;
      Print("Trifecta: ", text);
     }
  };

#endif
