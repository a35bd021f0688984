// refused by: words
void OnTick(void) { int a = nullptr; }
