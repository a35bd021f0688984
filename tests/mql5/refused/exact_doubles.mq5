// refused by: flow
void OnTick(void) { double a = 0.1; if(a * 3.0 == 0.3) Print("x"); }
