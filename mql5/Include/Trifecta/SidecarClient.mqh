//+------------------------------------------------------------------+
//| SidecarClient.mqh - range, imbalance, health and halt, each with |
//| its age; polled from OnTimer, never from OnTick                  |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_SIDECAR_CLIENT_MQH
#define TRIFECTA_SIDECAR_CLIENT_MQH

#include <Trifecta/Http.mqh>

#define HALT_EVERY_MS 1000
#define HEALTH_EVERY_MS 5000

enum ENUM_ENDPOINT
  {
   ENDPOINT_HALT      = 0,
   ENDPOINT_RANGE     = 1,
   ENDPOINT_IMBALANCE = 2,
   ENDPOINT_HEALTH    = 3
  };
#define ENDPOINTS 4

struct SSidecarParameters
  {
   string            symbol;          // as the sidecar knows it
   int               horizon_s;       // 0: the sidecar's own
   ulong             cache_ms;        // an answer serves no longer than this
   long              max_age_ms;      // nor when its data is older than this
   double            max_range;       // points
   bool              accept_simulated;
  };

//--- a number the sidecar told, and how old it is
struct SReading
  {
   bool              known;
   double            value;
   ulong             at_ms;       // when it was told
   long              age_ms;      // how old its data was then
   string            stamp;       // the data's own time, and since when it has been the same
   ulong             stamp_at_ms;
   string            source;
   bool              simulated;
   string            problem;     // why the last answer was no use
  };

class CSidecarClient
  {
private:
   SSidecarParameters m_parameters;
   string            m_asked;         // the symbol as it stands in an address
   SReading          m_range;
   SReading          m_imbalance;
   bool              m_halted;
   bool              m_halt_known;
   string            m_halt_reason;
   string            m_health;
   ulong             m_due_ms[ENDPOINTS];
   CBackoff          m_backoff[ENDPOINTS];
   int               m_next;

   void              Forget(SReading &reading)
     {
      reading.known = false;
      reading.value = 0.0;
      reading.at_ms = 0;
      reading.age_ms = 0;
      reading.stamp = "";
      reading.stamp_at_ms = 0;
      reading.source = "";
      reading.simulated = false;
      reading.problem = "not asked yet";
     }
   string            Path(const int endpoint) const
     {
      switch(endpoint)
        {
         case ENDPOINT_RANGE:
            return("/market-range/simple?symbol=" + m_asked + Scale());
         case ENDPOINT_IMBALANCE:
            return("/orderflow/metrics?symbol=" + m_asked);
         case ENDPOINT_HEALTH:
            return("/health");
        }
      return("/halt");
     }
   //--- the chart's price and point, so that the range comes in its points
   string            Scale(void) const
     {
      string scale = "";
      const double bid = SymbolInfoDouble(_Symbol, SYMBOL_BID);
      if(bid > 0.0)
         scale += "&price=" + DoubleToString(bid, _Digits) + "&point=" + DoubleToString(_Point, 8);
      if(m_parameters.horizon_s > 0)
         scale += "&horizon=" + IntegerToString(m_parameters.horizon_s);
      return(scale);
     }
   ulong             EveryMs(const int endpoint) const
     {
      if(endpoint == ENDPOINT_HALT)
         return(HALT_EVERY_MS);
      return(endpoint == ENDPOINT_HEALTH ? HEALTH_EVERY_MS : m_parameters.cache_ms / 2);
     }
   //--- what every answer with data must hold: the symbol asked, data that is young and moves on
   string            Accept(const CJson &json, SReading &reading, const ulong now_ms)
     {
      string symbol = "";
      string stamp = "";
      double age_ms = 0.0;
      bool simulated = true;
      if(!json.Text("symbol", symbol) || symbol != m_parameters.symbol)
         return("the answer is for " + symbol + ", asked was " + m_parameters.symbol);
      if(!json.Number("age_ms", age_ms) || age_ms < 0.0)
         return("the answer does not say how old it is");
      if(age_ms > (double)m_parameters.max_age_ms)
         return(StringFormat("stale: %.0f ms old, at most %I64d are allowed", age_ms, m_parameters.max_age_ms));
      if(!json.Text("timestamp", stamp))
         return("the answer bears no timestamp");
      if(stamp != reading.stamp)
        {
         reading.stamp = stamp;
         reading.stamp_at_ms = now_ms;
        }
      if((long)(now_ms - reading.stamp_at_ms) > m_parameters.max_age_ms)
         return("frozen: the timestamp has been " + stamp + StringFormat(" for %I64d ms", (long)(now_ms - reading.stamp_at_ms)));
      if(!json.Flag("simulated", simulated) || (simulated && !m_parameters.accept_simulated))
         return("simulated data is not accepted");
      reading.simulated = simulated;
      reading.age_ms = (long)age_ms;
      return("");
     }
   string            TakeRange(const CJson &json, const ulong now_ms)
     {
      double points = 0.0;
      if(!json.Number("market_range", points))
         return("market_range is not a number");
      if(points <= 0.0 || points > m_parameters.max_range)
         return(StringFormat("market_range %g is not between 0 and %g points", points, m_parameters.max_range));
      const string problem = Accept(json, m_range, now_ms);
      if(StringLen(problem) > 0)
         return(problem);
      if(!json.Text("source", m_range.source))
         return("the answer does not name its source");
      m_range.value = points;
      m_range.at_ms = now_ms;
      m_range.known = true;
      return("");
     }
   string            TakeImbalance(const CJson &json, const ulong now_ms)
     {
      double imbalance = 0.0;
      bool ready = false;
      if(!json.Flag("ready", ready) || !ready)
         return("order flow is not ready");
      if(!json.Number("volume_imbalance", imbalance) || MathAbs(imbalance) > 1.0)
         return("volume_imbalance is not a number from -1 to 1");
      const string problem = Accept(json, m_imbalance, now_ms);
      if(StringLen(problem) > 0)
         return(problem);
      m_imbalance.value = imbalance;
      m_imbalance.at_ms = now_ms;
      m_imbalance.known = true;
      return("");
     }
   string            TakeHalt(const CJson &json)
     {
      bool halted = false;
      if(!json.Flag("halted", halted))
         return("halted is neither true nor false");
      m_halt_reason = "";
      if(halted && !json.Text("reason", m_halt_reason))
         m_halt_reason = "no reason told";
      m_halted = halted;
      m_halt_known = true;
      return("");
     }
   string            Take(const int endpoint, const string body, const ulong now_ms)
     {
      CJson json;
      if(!json.Parse(body))
         return("malformed: " + json.Error());
      switch(endpoint)
        {
         case ENDPOINT_RANGE:
            return(TakeRange(json, now_ms));
         case ENDPOINT_IMBALANCE:
            return(TakeImbalance(json, now_ms));
         case ENDPOINT_HEALTH:
            return(json.Text("status", m_health) ? "" : "health bears no status");
        }
      return(TakeHalt(json));
     }
   //--- an answer that is no use withdraws what was told before; without any answer that lives on to its age limit
   void              Note(const int endpoint, const string problem, const bool answered)
     {
      if(endpoint == ENDPOINT_HEALTH && StringLen(problem) > 0)
         m_health = problem;
      if(endpoint == ENDPOINT_RANGE)
        {
         m_range.problem = problem;
         m_range.known = m_range.known && (StringLen(problem) == 0 || !answered);
        }
      if(endpoint == ENDPOINT_IMBALANCE)
        {
         m_imbalance.problem = problem;
         m_imbalance.known = m_imbalance.known && (StringLen(problem) == 0 || !answered);
        }
     }
   void              Ask(CSidecarHttp &http, const int endpoint)
     {
      string body = "";
      const ENUM_HTTP_OUTCOME outcome = http.Get(Path(endpoint), body);
      const ulong now_ms = ClockMs();
      string problem = http.Error();
      if(outcome == HTTP_FINE || (endpoint == ENDPOINT_HEALTH && http.Status() == 503))
         problem = Take(endpoint, body, now_ms);
      Note(endpoint, problem, outcome != HTTP_NO_ANSWER);
      m_due_ms[endpoint] = now_ms + EveryMs(endpoint);
      if(outcome == HTTP_REFUSED && endpoint != ENDPOINT_HEALTH)
         m_backoff[endpoint].Failed(now_ms);
      else
         m_backoff[endpoint].Worked();
     }
   bool              Fresh(const SReading &reading) const
     {
      const ulong since_ms = ClockMs() - reading.at_ms;
      return(reading.known && since_ms < m_parameters.cache_ms && reading.age_ms + (long)since_ms <= m_parameters.max_age_ms);
     }
public:
                     CSidecarClient(void) : m_asked(""), m_halted(false), m_halt_known(false), m_halt_reason(""), m_health(""), m_next(0) {}
   void              Init(const SSidecarParameters &parameters)
     {
      m_parameters = parameters;
      m_asked = parameters.symbol;
      StringReplace(m_asked, "#", "%23");
      Forget(m_range);
      Forget(m_imbalance);
      m_halted = false;
      m_halt_known = false;
      m_halt_reason = "";
      m_health = "not asked yet";
      m_next = 0;
      for(int i = 0; i < ENDPOINTS; i++)
        {
         m_due_ms[i] = 0;
         m_backoff[i].Worked();
         m_backoff[i].Longest(parameters.cache_ms);
        }
     }
   //--- at most one request; true when one was sent
   bool              Poll(CSidecarHttp &http)
     {
      if(!http.Ready())
         return(false);
      const ulong now_ms = ClockMs();
      for(int i = 0; i < ENDPOINTS; i++)
        {
         const int endpoint = (m_next + i) % ENDPOINTS;
         if(now_ms < m_due_ms[endpoint] || m_backoff[endpoint].Waits(now_ms))
            continue;
         m_next = (endpoint + 1) % ENDPOINTS;
         Ask(http, endpoint);
         if(http.Status() == 0)   // the sidecar is away: that holds for every endpoint
           {
            Note(ENDPOINT_RANGE, http.Error(), false);
            Note(ENDPOINT_IMBALANCE, http.Error(), false);
            Note(ENDPOINT_HEALTH, http.Error(), false);
           }
         return(true);
        }
      return(false);
     }
   //--- the range in points; false when there is none that may be used, RangeProblem() then says why
   bool              Range(double &points) const
     {
      if(!Fresh(m_range))
         return(false);
      points = m_range.value;
      return(true);
     }
   bool              Imbalance(double &imbalance) const
     {
      if(!Fresh(m_imbalance))
         return(false);
      imbalance = m_imbalance.value;
      return(true);
     }
   ulong             RangeAgeMs(void) const { return((ulong)m_range.age_ms + ClockMs() - m_range.at_ms); }
   string            RangeOrigin(void) const { return(m_range.source + (m_range.simulated ? ", SIMULATED" : "")); }
   string            RangeProblem(void) const
     {
      return(StringLen(m_range.problem) > 0 ? m_range.problem : StringFormat("the answer is older than %I64d ms", (long)m_parameters.cache_ms));
     }
   string            ImbalanceProblem(void) const { return(m_imbalance.problem); }
   bool              HaltKnown(void) const { return(m_halt_known); }
   bool              Halted(void) const { return(m_halted); }
   string            HaltReason(void) const { return(m_halt_reason); }
   string            Health(void) const { return(m_health); }
  };

#endif
