//+------------------------------------------------------------------+
//| LegacyBox.mq5 - an Expert Advisor with a range of its own, after |
//| the documented change: the include, InitAIIntegration() and the  |
//| rename                                                           |
//+------------------------------------------------------------------+
#include <AI_MarketRange.mqh>

double g_range = 0.0;

double CalculateTraditionalMarketRange(void)
  {
   MqlRates bars[];
   ArraySetAsSeries(bars, true);
   if(CopyRates(_Symbol, PERIOD_H1, 0, 10, bars) < 10)
      return(15000.0);
   return((bars[0].high - bars[0].low) / _Point);
  }

double CalculateMarketRange(void) { return(CalculateMarketRangeWithAI()); }

int OnInit(void)
  {
   InitAIIntegration();
   return(INIT_SUCCEEDED);
  }

void OnTick(void) { g_range = CalculateMarketRange(); }
