// refused by: results
void OnTick(void) { MqlRates r[]; CopyRates(_Symbol, PERIOD_H1, 0, 10, r); }
