// refused by: words
void OnTick(void) { try { Print("x"); } catch(int e) { } }
