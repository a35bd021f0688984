// refused by: compiler
void OnTick(void) { ulong t = PositionGetTicket(1, 2); Print((long)t); }
