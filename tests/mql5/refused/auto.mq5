// refused by: words
void OnTick(void) { auto x = 3; }
