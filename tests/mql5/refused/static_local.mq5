// refused by: statics
void OnTick(void) { static int ticks = 0; ticks++; }
