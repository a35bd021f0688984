// refused by: pointers
void OnTick(void) { int a = 3; long p = &a; }
