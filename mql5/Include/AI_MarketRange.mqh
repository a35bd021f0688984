//+------------------------------------------------------------------+
//| AI_MarketRange.mqh - the sidecar's range for an Expert Advisor   |
//| that has its own: include it, call InitAIIntegration() in OnInit |
//| rename the own CalculateMarketRange() to                         |
//| CalculateTraditionalMarketRange(), and add                       |
//| double CalculateMarketRange() { return(CalculateMarketRangeWithAI()); }
//+------------------------------------------------------------------+
#ifndef AI_MARKET_RANGE_MQH
#define AI_MARKET_RANGE_MQH

#include <Trifecta/MarketRange.mqh>

#define AI_CACHE_MS 5000
#define AI_MAX_AGE_MS 15000
#define AI_MAX_BACKOFF_MS 30000
#define AI_MAX_RANGE 1000000.0

input group "Trifecta sidecar"
input string AI_Url             = "http://127.0.0.1:8000"; // Address, also under Tools > Options > Expert Advisors
input string AI_Token           = "";                      // Token, when the sidecar wants one
input string AI_Symbol          = "";                      // Symbol as the sidecar knows it; empty: the chart's
input bool   AI_AcceptSimulated = false;                   // Use data of the emulator

//--- the EA's own range, in points; the rename that is described above makes it
double CalculateTraditionalMarketRange(void);

CSidecarHttp   AI_Http;
CSidecarClient AI_Client;
CAnnouncer     AI_Announcer;

//--- false when an input is wrong: the EA then works with its own range alone
bool InitAIIntegration(void)
  {
   const string problem = (StringLen(AddressProblem(AI_Url)) > 0 ? "AI_Url " + AddressProblem(AI_Url) : TokenProblem(AI_Token));
   SSidecarParameters asked;
   asked.symbol = (StringLen(AI_Symbol) > 0 ? AI_Symbol : _Symbol);
   asked.horizon_s = 0;
   asked.cache_ms = AI_CACHE_MS;
   asked.max_age_ms = AI_MAX_AGE_MS;
   asked.max_range = AI_MAX_RANGE;
   asked.accept_simulated = AI_AcceptSimulated;
   AI_Http.Init(StringLen(problem) == 0 ? AI_Url : "", AI_Token, HTTP_MAX_TIMEOUT_MS, AI_MAX_BACKOFF_MS);
   AI_Client.Init(asked);
   if(StringLen(problem) == 0)
      return(true);
   Print("Trifecta: ", problem);
   return(false);
  }

//--- the sidecar's range in points; 0 when there is none that may be used. Asks at most once a call and, all in all, a few
//--- times in five seconds; an EA with OnTimer had better call it there
double GetAIMarketRange(void)
  {
   double points = 0.0;
   AI_Client.Poll(AI_Http);
   return(AI_Client.Range(points) ? points : 0.0);
  }

//--- the order flow's imbalance, -1 to 1; 0 when it is not known
double GetAIImbalance(void)
  {
   double imbalance = 0.0;
   AI_Client.Poll(AI_Http);
   return(AI_Client.Imbalance(imbalance) ? imbalance : 0.0);
  }

//--- the sidecar's range, else the EA's own; says when that changes, and why
double CalculateMarketRangeWithAI(void)
  {
   const double points = GetAIMarketRange();
   if(points > 0.0)
     {
      AI_Announcer.Say("range of the sidecar (" + AI_Client.RangeOrigin() + ")");
      return(points);
     }
   AI_Announcer.Say("own range: " + AI_Client.RangeProblem());
   return(CalculateTraditionalMarketRange());
  }

#endif
