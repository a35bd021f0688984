// refused by: flow
void OnTick(void) { ulong a = 5; int i = a; Print(i); }
