// refused by: compiler
void OnTick(void) { ENUM_ORDER_TYPE t = 1; Print((int)t); }
