// refused by: words
void OnTick(void) { unsigned int a = 3; }
