//+------------------------------------------------------------------+
//| RiskSizer.mqh - volume in lots for the money that may be lost    |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_RISK_SIZER_MQH
#define TRIFECTA_RISK_SIZER_MQH

#include <Trifecta/Instrument.mqh>

//--- the largest volume whose loss at the stop is at most money, in whole steps; 0 when even the least volume loses more
double RiskVolume(const SInstrument &instrument, const double money, const double stop_points, const double most_lots)
  {
   if(!(money > 0.0) || !(stop_points > 0.0) || !(most_lots > 0.0))
      return(0.0);
   const double loss_a_lot = LossOf(instrument, 1.0, stop_points);
   return(FlooredVolume(instrument, MathMin(money / loss_a_lot, most_lots)));
  }

//--- at most volume, and no more than share of the free margin carries; 0 when that is less than the least volume
double AffordableVolume(const SInstrument &instrument, const ENUM_ORDER_TYPE type, const double volume, const double price, const double share)
  {
   double margin = 0.0;
   if(!OrderCalcMargin(type, instrument.symbol, 1.0, price, margin) || !(margin > 0.0))
      return(0.0);
   const double carried = AccountInfoDouble(ACCOUNT_MARGIN_FREE) * share / margin;
   return(FlooredVolume(instrument, MathMin(volume, carried)));
  }

#endif
