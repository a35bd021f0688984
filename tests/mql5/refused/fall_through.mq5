// refused by: flow
void OnTick(void) { int a = 1; switch(a) { case 1: a = 2; case 2: a = 3; break; } Print(a); }
