//+------------------------------------------------------------------+
//| Instrument.mqh - what the broker says of a symbol, and prices    |
//| and volumes that it accepts                                      |
//+------------------------------------------------------------------+
#ifndef TRIFECTA_INSTRUMENT_MQH
#define TRIFECTA_INSTRUMENT_MQH

struct SInstrument
  {
   string            symbol;
   int               digits;
   double            point;
   double            tick_size;
   double            tick_value;   // money that one lot loses a tick
   double            volume_min;
   double            volume_max;
   double            volume_step;
   double            bid;
   double            ask;
   long              stops_level;  // points
   long              freeze_level; // points
  };

//--- false with a problem when the broker's numbers make no sense
bool LoadInstrument(const string symbol, SInstrument &found, string &problem)
  {
   found.symbol = symbol;
   found.digits = (int)SymbolInfoInteger(symbol, SYMBOL_DIGITS);
   found.point = SymbolInfoDouble(symbol, SYMBOL_POINT);
   found.tick_size = SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_SIZE);
   found.tick_value = SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_VALUE_LOSS);
   found.volume_min = SymbolInfoDouble(symbol, SYMBOL_VOLUME_MIN);
   found.volume_max = SymbolInfoDouble(symbol, SYMBOL_VOLUME_MAX);
   found.volume_step = SymbolInfoDouble(symbol, SYMBOL_VOLUME_STEP);
   found.bid = SymbolInfoDouble(symbol, SYMBOL_BID);
   found.ask = SymbolInfoDouble(symbol, SYMBOL_ASK);
   found.stops_level = SymbolInfoInteger(symbol, SYMBOL_TRADE_STOPS_LEVEL);
   found.freeze_level = SymbolInfoInteger(symbol, SYMBOL_TRADE_FREEZE_LEVEL);
   if(found.point > 0.0 && found.tick_size > 0.0 && found.tick_value > 0.0 && found.volume_min > 0.0 && found.volume_step > 0.0 &&
      found.bid > 0.0 && found.ask >= found.bid)
      return(true);
   problem = StringFormat("%s: point %g, tick %g worth %g, least volume %g in steps of %g, bid %g, ask %g cannot be traded with", symbol,
                          found.point, found.tick_size, found.tick_value, found.volume_min, found.volume_step, found.bid, found.ask);
   return(false);
  }

//--- the nearest price that the broker accepts
double NearestTick(const SInstrument &instrument, const double price)
  {
   return(NormalizeDouble(MathRound(price / instrument.tick_size) * instrument.tick_size, instrument.digits));
  }

//--- decimals of a volume step: 2 for 0.01
int StepDigits(const double step)
  {
   for(int digits = 0; digits < 8; digits++)
      if(MathAbs(NormalizeDouble(step, digits) - step) < 1e-9)
         return(digits);
   return(8);
  }

//--- the volume in whole steps, never more than asked; 0 when the least volume is more
double FlooredVolume(const SInstrument &instrument, const double volume)
  {
   const double most = (instrument.volume_max > 0.0 ? MathMin(volume, instrument.volume_max) : volume);
   const double steps = MathFloor(most / instrument.volume_step + 1e-9);
   const double floored = NormalizeDouble(steps * instrument.volume_step, StepDigits(instrument.volume_step));
   return(floored < instrument.volume_min - 1e-9 ? 0.0 : floored);
  }

//--- money that volume loses when the price moves against it by points
double LossOf(const SInstrument &instrument, const double volume, const double points)
  {
   return(points * instrument.point / instrument.tick_size * instrument.tick_value * volume);
  }

//--- the nearest stop that the broker accepts, counted in points from the entry price: spread, stops level and a point
double LeastStop(const SInstrument &instrument)
  {
   const double spread = MathCeil((instrument.ask - instrument.bid) / instrument.point - 1e-6);
   return(spread + (double)MathMax(instrument.stops_level, instrument.freeze_level) + 1.0);
  }

#endif
