// refused by: flow
int F(int a) { if(a > 0) return(1); }
void OnTick(void) { F(1); }
