// refused by: words
void OnTick(void) { uint t = GetTickCount(); }
