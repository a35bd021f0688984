// refused by: compiler
void OnTick(void) { double v = PositionGetDouble(POSITION_TYPE); Print(v); }
