// refused by: results
void OnTick(void) { MqlTradeRequest q = {}; MqlTradeResult r = {}; OrderSend(q, r); }
