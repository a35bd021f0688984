// refused by: words
void OnTick(void) { int h = DatabaseOpen("x", 1); }
