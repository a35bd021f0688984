// refused by: flow
void OnTick(void) { double a; double b = a * 2.0; Print(b); }
