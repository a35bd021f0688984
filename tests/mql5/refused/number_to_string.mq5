// refused by: compiler
void OnTick(void) { string s = "x" + 5; Print(s); }
