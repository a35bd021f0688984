// refused by: literals
void OnTick(void) { ulong a = 10ULL; }
