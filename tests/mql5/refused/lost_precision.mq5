// refused by: flow
void OnTick(void) { double d = 2.5; int i = d; Print(i); }
