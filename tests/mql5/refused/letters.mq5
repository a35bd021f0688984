// refused by: text
void OnTick(void) { Print("dự"); }
