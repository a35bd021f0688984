// refused by: compiler
void OnTick(void) { double d = "5"; Print(d); }
