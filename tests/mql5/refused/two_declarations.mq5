// refused by: declarations
void OnTick(void) { int i = 3, int j = 4; }
