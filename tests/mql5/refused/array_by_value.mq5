// refused by: array-parameters
int Sum(double a[]) { return(ArraySize(a)); }
void OnTick(void) { double b[]; Sum(b); }
