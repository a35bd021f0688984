// refused by: words
void OnTick(void) { Sleep(500); }
