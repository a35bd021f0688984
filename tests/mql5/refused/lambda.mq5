// refused by: lambdas
void OnTick(void) { int y = 0; int z = [=](int a) { return(a); }(1); }
