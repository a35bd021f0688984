// refused by: words
void OnTick(void) { Print(EnumToString(PERIOD_H1)); }
