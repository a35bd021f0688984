// refused by: pointers
void OnTick(void) { int a = 3; int *p = GetPointer(a); }
