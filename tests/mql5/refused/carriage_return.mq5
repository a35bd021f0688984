// refused by: text
void OnTick(void) { }
